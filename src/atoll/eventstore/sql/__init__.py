"""The event log on a SQL database: one logic, and the words of each dialect beside it."""
