"""The dataset directory: tables, media, journal, and the queries over them."""
