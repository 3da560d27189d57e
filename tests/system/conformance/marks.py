"""How a test says what it cannot show."""

import pytest

# impossible(dendrite="it has no such thing"): see conftest.py.
impossible = pytest.mark.impossible
