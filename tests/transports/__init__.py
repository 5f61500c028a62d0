"""Each transport, as clients speak it and networks treat it: what proves receipt, and what breaks without a loss."""
