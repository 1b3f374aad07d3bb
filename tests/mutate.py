"""Break code on purpose, one small change at a time.

`mutants` finds every backward function of a module and gives changed copies of the module, each
with one fault of the kinds that people make: a sign, a factor or term left out, plus for minus, a
transposition, a sum's axis. `load` runs such a copy, beside the package, without touching it.
`everywhere` lists such faults of a whole module, and `broken` makes one of them.
"""

import ast
import copy
import importlib.util
import itertools
import re
import sys
import types
from dataclasses import dataclass
from unittest import mock

#: what a function that hands gradients back is called in this package
BACKWARD = ("backward",)
#: helpers to which a backward function leaves its mathematics
HELPERS = (
    *("gradients", "lstm_slopes", "column_sums"),  # in arrays
    *("sigmoid_slope", "tanh_slope", "relu_slope", "leaky_relu_slope", "softplus_slope"),
    *("cross_entropy_slope", "binary_cross_entropy_slope", "take_largest"),
    *("rnn_step_back", "lstm_step_back", "gru_step_back"),
    *("input_gradient", "_among_zeros", "scatter"),  # of windows
    *("_one_of", "_in_turn", "filled", "_over_batch", "_summed"),  # of layers
    *("summed_to", "sum_of", "read_back", "_sum"),  # of arithmetic and of the tape
)


@dataclass
class Mutant:
    """A module with one fault in it."""

    line: int
    what: str
    tree: ast.Module


def read(module):
    """Return the parsed source of a module, by name."""
    with open(importlib.util.find_spec(module).origin) as file:
        return ast.parse(file.read())


def load(module, tree, instead=None):
    """Run a module's tree as a module of its own; `instead` replaces modules that it imports."""
    fresh = types.ModuleType(module)
    fresh.__file__ = importlib.util.find_spec(module).origin
    with mock.patch.dict(sys.modules, instead or {}):
        exec(compile(tree, fresh.__file__, "exec"), fresh.__dict__)
    return fresh


def backwards(tree):
    """Find the backward functions: ``(operation's name, node)``, lambdas ``dy: …`` included."""

    def visit(node, path):
        for child in ast.iter_child_nodes(node):
            name = child.name if isinstance(child, ast.FunctionDef) else None
            if name in HELPERS:
                yield ".".join([*path, name]), child
            elif name in BACKWARD or _is_lambda_of_dy(child):
                yield ".".join(path), child
            elif isinstance(child, ast.FunctionDef | ast.ClassDef):
                yield from visit(child, [*path, child.name])
            else:
                yield from visit(child, path)

    yield from visit(tree, [])


def _is_lambda_of_dy(node):
    return isinstance(node, ast.Lambda) and ast.unparse(node.args) == "dy"


def lines(function):
    """Return the numbers of the lines on which a backward function computes something."""
    nodes = [n for part in _body(function) for n in _walk(part)]
    computing = (n for n in nodes if not isinstance(n, ast.FunctionDef))  # but its body does
    return {n.lineno for n in computing if isinstance(n, ast.expr | ast.stmt)}


def mutants(tree, operation):
    """Give every module with one fault in the backward functions of one operation."""
    for k, (where, function) in enumerate(backwards(tree)):
        if where != operation:
            continue
        for i in range(len(list(_changes(function)))):
            changed = copy.deepcopy(tree)
            target = list(backwards(changed))[k][1]
            line, before, after, apply, _ = next(itertools.islice(_changes(target), i, None))
            apply()
            yield Mutant(line, f"{before}  →  {after}", ast.fix_missing_locations(changed))


def everywhere(tree):
    """List every fault that can be put into a module, ``(line, what)``, in a fixed order."""
    return [(line, f"{before}  →  {after}") for line, before, after, *_ in _anywhere(tree)]


def broken(tree, i):
    """Return a copy of a module with the `i`-th of its faults."""
    changed = copy.deepcopy(tree)
    next(itertools.islice(_anywhere(changed), i, None))[-1]()
    return ast.fix_missing_locations(changed)


def _anywhere(tree):
    """Give the changes of a module: those of `_changes` that say something outside mathematics."""
    sets = list(_sets(tree))
    for line, before, after, apply, node in _changes(tree, _walk_all):
        if isinstance(node, ast.Tuple) and any(node is one for one in sets):
            continue
        scaled = isinstance(node, ast.BinOp) and after in (f"-({before})", f"2 * ({before})")
        negative = isinstance(node, ast.Name) and not re.fullmatch(r"d\w{0,2}|gradient\w*", node.id)
        if not scaled and not negative and before != after:
            yield line, before, after, apply


def _sets(tree):
    """Give the tuples in which only that matters which is in them, in any order."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            yield node.comparators[0]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in ("isinstance", "issubclass"):
                yield from node.args[1:]
            elif name in ("startswith", "endswith"):
                yield from node.args
        elif isinstance(node, ast.ExceptHandler) and node.type:
            yield node.type


def _walk_all(part):
    """Walk a statement as `_walk` does, with its defaults, but not what an error says."""
    todo = [part]
    while todo:
        node = todo.pop()
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if text or isinstance(node, ast.JoinedStr) or _is_elsewhere(node):
            continue
        yield node
        if isinstance(node, ast.FunctionDef):  # annotations say nothing
            defaults = [d for d in node.args.kw_defaults if d is not None]
            todo.extend([*node.args.defaults, *defaults, *node.body])
        elif isinstance(node, ast.AnnAssign):
            todo.extend([node.value] if node.value else [])
        elif isinstance(node, ast.ClassDef):
            todo.extend(node.body)
        elif not isinstance(node, ast.Raise) and not _asks_about(node):
            children = ast.iter_child_nodes(node)
            todo.extend(child for child in children if not _only_guards(child))


def _asks_about(node):
    """Whether it asks an array what it is: minus that array is the same kind of thing."""
    if isinstance(node, ast.Call):
        return ast.unparse(node.func).endswith("array_namespace")
    about = ("dtype", "device", "shape", "ndim")
    return isinstance(node, ast.Attribute) and node.attr in about


def _only_guards(node):
    """Whether it is the setting `strict` of zip: it says of right code that it is right."""
    return isinstance(node, ast.keyword) and node.arg == "strict"


def _is_elsewhere(node):
    """Whether it is no part of a run: what starts a program, and what only a type checker reads."""
    if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
        return True
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        return ast.unparse(node.value.func) in ("TypeVar", "ParamSpec")
    tests = ("__name__ == '__main__'", "TYPE_CHECKING")
    return isinstance(node, ast.If) and ast.unparse(node.test) in tests


def _body(function):
    return [function.body] if isinstance(function, ast.Lambda) else function.body


def _changes(function, walk=None):
    """Give ``(line, before, after, apply, node)`` for each fault of a function."""
    for part in _body(function):
        for node in (walk or _walk)(part):
            for after in _faults(node):
                text = "nothing" if isinstance(after, ast.Pass) else ast.unparse(after)
                apply = _replacement(function, node, after)
                before = ast.unparse(node).splitlines()[0]
                yield node.lineno, before, text.splitlines()[0], apply, node


def _walk(part):
    """Walk a statement, without its docstrings and what only asks for a namespace or guards."""
    todo = [part]
    while todo:
        node = todo.pop()
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        asks = isinstance(node, ast.Call) and ast.unparse(node.func).endswith("array_namespace")
        about = isinstance(node, ast.Attribute) and node.attr in ("dtype", "device")
        if (
            not text
            and not asks
            and not about
            and not _only_guards(node)
            and not (isinstance(node, ast.AnnAssign) and ast.unparse(node.value or node) == "{}")
        ):
            yield node
            if isinstance(node, ast.FunctionDef):  # annotations say nothing
                todo.extend(node.body)
            elif isinstance(node, ast.AnnAssign) and node.value:
                todo.append(node.value)
            else:
                todo.extend(ast.iter_child_nodes(node))


def _replacement(function, old, new):
    def apply():
        for node in ast.walk(function):
            for field, value in ast.iter_fields(node):
                if value is old:
                    setattr(node, field, new)
                elif isinstance(value, list) and any(v is old for v in value):
                    setattr(node, field, [new if v is old else v for v in value])

    return apply


SWAPPED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitAnd,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


#: functions that say yes or no, and methods
_ASKING = ("all", "any", "bool", "callable", "hasattr", "isinstance", "issubclass")
_ASKED = ("all", "any", "endswith", "exists", "isdigit", "isdisjoint", "issubset", "startswith")


def _faults(node):
    """Give what could stand, wrongly, in the place of a node."""
    kind = type(node).__name__
    yield from globals().get(f"_faults_{kind}", lambda node: ())(node)


def _with(node, **fields):
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _negative(node):
    """Minus it; or not it, where it is true or false."""
    asks = isinstance(node, ast.Call) and _says_yes_or_no(ast.unparse(node.func))
    truth = isinstance(node, ast.Constant) and isinstance(node.value, bool)
    negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    if asks or truth or negated or isinstance(node, ast.Compare | ast.BoolOp):
        return ast.UnaryOp(ast.Not(), node)
    return ast.UnaryOp(ast.USub(), node)


def _says_yes_or_no(function):
    _, dot, method = function.rpartition(".")
    known = function in _ASKING or (dot and method in _ASKED)
    return known or bool(re.match(r"_?(is|has|are)_", method))


def _faults_BinOp(node):
    yield node.left  # a factor or a term left out
    yield node.right
    yield _with(node, op=SWAPPED[type(node.op)]())
    if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult):
        yield _with(node, left=node.right, right=node.left)
    yield _negative(node)
    yield ast.BinOp(ast.Constant(2), ast.Mult(), node)


def _faults_UnaryOp(node):
    yield node.operand


def _faults_Name(node):
    if isinstance(node.ctx, ast.Load) and node.id.startswith(("d", "gradient", "kept")):
        yield _negative(node)


def _faults_Constant(node):
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)


def _faults_Attribute(node):
    if node.attr == "T":
        yield node.value


def _faults_Compare(node):
    yield _with(node, ops=[SWAPPED[type(node.ops[0])](), *node.ops[1:]])
    if isinstance(node.ops[0], ast.Gt):  # the border itself
        yield _with(node, ops=[ast.GtE()])


def _faults_BoolOp(node):
    yield _with(node, op=SWAPPED[type(node.op)]())
    yield from node.values


def _faults_IfExp(node):
    yield _with(node, body=node.orelse, orelse=node.body)
    yield node.body
    yield node.orelse


def _faults_Call(node):
    name = ast.unparse(node.func)
    if name == "xp.where" and len(node.args) == 3:
        test, left, right = node.args
        yield _with(node, args=[test, right, left])
        yield left
        yield right
    if name in ("xp.sum", "xp.mean"):
        other = "xp.mean" if name == "xp.sum" else "xp.sum"
        yield _with(node, func=ast.parse(other, mode="eval").body)
    for keyword in node.keywords:
        # On NumPy a device says nothing (the strict second one sees it), and strict only guards.
        if keyword.arg in ("device", "strict"):
            continue
        yield _with(node, keywords=[k for k in node.keywords if k is not keyword])
    if node.args and not isinstance(node.args[0], ast.Starred):
        yield node.args[0]  # the function left out
    if not node.args and not node.keywords:
        yield _negative(node)


def _faults_Tuple(node):
    swapped = len(node.elts) > 1 and ast.dump(node.elts[0]) != ast.dump(node.elts[1])
    if isinstance(node.ctx, ast.Load) and swapped:
        yield _with(node, elts=[node.elts[1], node.elts[0], *node.elts[2:]])


def _faults_Lambda(node):
    yield _with(node, body=_negative(node.body))


def _faults_Return(node):
    if node.value is None:
        yield ast.Pass()
    elif isinstance(node.value, ast.Tuple):
        yield _with(node, value=_with(node.value, elts=node.value.elts[:-1]))
    elif not isinstance(node.value, ast.Name | ast.IfExp | ast.Lambda):
        yield _with(node, value=_negative(node.value))
    else:
        yield _with(node, value=ast.Constant(None))


def _faults_Assign(node):
    if isinstance(node.targets[0], ast.Tuple):
        first, second, *rest = node.targets[0].elts
        yield _with(node, targets=[_with(node.targets[0], elts=[second, first, *rest])])
    elif not isinstance(node.value, ast.IfExp) and not _is_nothing(node.value):
        yield _with(node, value=_negative(node.value))


def _faults_AugAssign(node):
    forgotten = ast.Assign([node.target], node.value)  # what was there
    yield ast.copy_location(forgotten, node)


def _is_nothing(node):
    """Whether it is zero, or an array still to be written: minus that is the same."""
    text = ast.unparse(node)
    return text == "0.0" or text.startswith(("xp.empty", "xp.zeros", "zeros_of", "room_for_turned"))


def _faults_If(node):
    yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))


def _faults_For(node):
    yield _with(node, body=[ast.Pass()])


def _faults_Expr(node):
    yield ast.Pass()


def _faults_Raise(node):
    yield ast.Pass()


def _faults_Break(node):
    yield ast.Pass()


def _faults_Continue(node):
    yield ast.Pass()
