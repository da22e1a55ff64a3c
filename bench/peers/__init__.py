"""What Atoll is measured against."""
