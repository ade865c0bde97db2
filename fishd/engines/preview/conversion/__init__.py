"""Voice conversion: profiles of the stock voice and of references, and reshaping the one towards the other.

Called by the engine and by `english`. It may import `analysis` and `stock_voice`, and neither the engine nor
the languages.
"""
