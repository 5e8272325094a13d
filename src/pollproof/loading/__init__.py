"""Loading: contract files to contracts."""

from pollproof.loading.errors import ContractError
from pollproof.loading.load import load_contract

__all__ = ["ContractError", "load_contract"]
