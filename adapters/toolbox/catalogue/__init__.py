"""The catalogue of regional standards: what the contract and the mapping files say, for people.

Nothing is written a second time: names, rules and versions come from the contract with its comments, columns and
reasons from the mapping files of every dialect.
"""

from adapters.toolbox.catalogue.markdown import index_markdown, sheet_markdown
from adapters.toolbox.catalogue.page import catalogue_page
from adapters.toolbox.catalogue.sheets import Sheet, load_sheets

__all__ = ["Sheet", "catalogue_page", "index_markdown", "load_sheets", "sheet_markdown"]
