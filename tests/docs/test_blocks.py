from __future__ import annotations

import pytest

from tests.docs.blocks import Block, blocks

PAGE = """\
Text.

```python
one = 1
```

1. In a list:

    ```python title="a/b.py"
    def two():
        return 2
    ```

<!-- fragment -->
```python
three = ...
```

```bash
python
```

````python
text = '''
```python
not_a_block
```
'''
````
"""


def test_python_blocks_are_found_with_their_lines_and_meaning() -> None:
    assert list(blocks(PAGE))[:3] == [
        Block(code="one = 1\n", line=4),
        Block(code="def two():\n    return 2\n", line=10, file="a/b.py"),
        Block(code="three = ...\n", line=16, fragment=True),
    ]


def test_a_block_with_a_longer_fence_may_hold_a_shorter_one() -> None:
    assert [each.line for each in blocks(PAGE)] == [4, 10, 16, 24]


def test_a_placed_block_has_its_code_on_the_lines_of_the_page() -> None:
    block = Block(code="raise ValueError\n", line=24)
    assert block.placed.splitlines()[23] == "raise ValueError"


def test_a_block_that_does_not_end_is_told() -> None:
    with pytest.raises(ValueError, match="the code block that begins in line 1 does not end"):
        list(blocks("```python\none = 1\n"))
