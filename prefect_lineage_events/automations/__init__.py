"""The automations that `prefect-lineage deploy` offers: one module each, as data, and what makes and compares them."""
