"""The Shanghai dialect: data only, see README.md."""
