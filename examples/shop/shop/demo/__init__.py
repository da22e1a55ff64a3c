"""The shop under customers and kills: `python -m shop.demo`."""
