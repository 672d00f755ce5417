"""The service: OTLP in, ClickHouse rows out. It decides nothing that the library could."""
