"""Has threads compile one after the other.

Python 3.11 before 3.11.8, and so Debian 12's, counts the depth of syntax trees for all threads together: when two threads make one at the
same time, it ends with `SystemError: AST constructor recursion depth mismatch` (python/cpython#106905).
"""

import builtins
import threading

turn = threading.RLock()
compile_at_once = builtins.compile


def compile_in_turn(*arguments, **options):
    with turn:
        return compile_at_once(*arguments, **options)


builtins.compile = compile_in_turn
