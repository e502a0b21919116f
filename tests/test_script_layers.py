"""ESLint rejects imports that the layers of the pages' scripts forbid; see `LAYERS` in `eslint.config.js`."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.ingest.phone_page.page_modules import node_program

ROOT = Path(__file__).parent.parent
PHONE = "ingest/phone_page"
DASHBOARD = "dashboard/web"
SHARED = "har/web/shared"
#: Reads a list of [path, text] and writes ESLint's messages for each text. One process does all: ESLint starts slowly.
LINT = """
import { readFileSync } from 'node:fs';
import { ESLint } from 'eslint';
const eslint = new ESLint({ overrideConfig: { rules: { 'no-unused-vars': 'off', 'no-undef': 'off' } } });
const found = [];
for (const [filePath, text] of JSON.parse(readFileSync(0, 'utf8'))) {
  const [result] = await eslint.lintText(text, { filePath });
  found.push(result.messages.map(({ ruleId, message }) => `${ruleId}: ${message}`));
}
console.log(JSON.stringify(found));
"""
FORMS = (
    "import {{ a }} from '{}';",
    "import '{}';",
    "export {{ a }} from '{}';",
    "export * from '{}';",
    "export const a = await import('{}');",
    "export const a = () => import('{}');",
)
FORBIDDEN = (
    (f"{PHONE}/sensing/planted.js", "../windowing/windows.js"),
    (f"{PHONE}/sensing/planted.js", "../views/trace-view.js"),
    (f"{PHONE}/sensing/planted.js", "./../views/trace-view.js"),
    (f"{PHONE}/sensing/planted.js", "../single-tab.js"),
    (f"{PHONE}/windowing/planted.js", "../sensing/recorder.js"),
    (f"{PHONE}/windowing/planted.js", "../vendor/idb/index.js"),
    (f"{PHONE}/releases/planted.js", "../sending/outbox.js"),
    (f"{PHONE}/sending/planted.js", "../releases/release-client.js"),
    (f"{PHONE}/sending/planted.js", "../test-access.js"),
    (f"{PHONE}/classification/planted.js", "../views/trace-view.js"),
    (f"{PHONE}/classification/planted.js", "../phone.js"),
    (f"{PHONE}/views/planted.js", "../main.js"),
    (f"{PHONE}/views/planted.js", "../configuration.js"),
    (f"{PHONE}/views/planted.js", "../phone.js"),
    (f"{PHONE}/phone.js", "./views/trace-view.js"),
    (f"{PHONE}/phone.js", "./main.js"),
    (f"{PHONE}/configuration.js", "./phone.js"),
    (f"{PHONE}/views/planted.js", "../../../dashboard/web/styles.js"),
    (f"{DASHBOARD}/planted.js", "../../ingest/phone_page/phone.js"),
    (f"{DASHBOARD}/planted.js", "../../ingest/phone_page/windowing/windows.js"),
    (f"{SHARED}/planted.js", "../../../dashboard/web/styles.js"),
    (f"{SHARED}/planted.js", "../../../ingest/phone_page/views/trace-view.js"),
    (f"{SHARED}/planted.js", "../phone.js"),
)
#: Imports whose layer is unknown.
UNKNOWN = (
    (f"{PHONE}/sensing/planted.js", "export const a = (path) => import(path);"),
    (f"{PHONE}/sensing/planted.js", "export const a = await import(`../views/trace-view.js`);"),
    (f"{PHONE}/sensing/planted.js", "import { a } from '/phone/views/trace-view.js';"),
    (f"{PHONE}/sensing/planted.js", "import { a } from 'idb';"),
)
UNPLACED = (f"{PHONE}/planted.js", f"{PHONE}/planted/planted.js", "har/web/planted.js")
ALLOWED = (
    (f"{PHONE}/sensing/planted.js", "./recorder.js"),
    (f"{PHONE}/sensing/planted.js", "../shared/wording.js"),
    (f"{PHONE}/classification/planted.js", "../releases/release-client.js"),
    (f"{PHONE}/classification/planted.js", "../vendor/onnxruntime/ort.wasm.bundle.min.mjs"),
    (f"{PHONE}/views/planted.js", "../sending/outbox.js"),
    (f"{PHONE}/main.js", "./views/trace-view.js"),
    (f"{DASHBOARD}/planted.js", "./shared/wording.js"),
    (f"{DASHBOARD}/planted.js", "./uplot.js"),
    (f"{SHARED}/planted.js", "./wording.js"),
)


def cases(imports):
    return [(path, form.format(imported)) for path, imported in imports for form in FORMS]


@pytest.fixture(scope="module")
def messages():
    """Messages of ESLint for every planted text, by path and text."""
    planted = [*cases(FORBIDDEN), *cases(ALLOWED), *UNKNOWN, *((path, "") for path in UNPLACED)]
    command = [node_program(), "--input-type=module", "--eval", LINT]
    run = subprocess.run(command, cwd=ROOT, input=json.dumps(planted), capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return dict(zip(planted, json.loads(run.stdout), strict=True))


def test_forbidden_imports_are_errors(messages):
    for case in cases(FORBIDDEN):
        assert [text for text in messages[case] if "may not import" in text], case


def test_imports_of_unknown_layers_are_errors(messages):
    for case in UNKNOWN:
        assert [text for text in messages[case] if "relative path" in text], case


def test_scripts_outside_of_the_layers_are_errors(messages):
    for path in UNPLACED:
        assert [text for text in messages[path, ""] if "in no layer" in text], path


def test_allowed_imports_are_no_errors(messages):
    for case in cases(ALLOWED):
        assert messages[case] == [], case
