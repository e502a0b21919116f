"""The commands in the documents: the test that runs each of them, or the reason why none does.

A command is its program with its subcommand, such as ``har store publish``, without options.
`tests/test_documented_commands.py` fails for a command of a document that is in neither table, and for an entry that no
document contains.
"""

import re
import shlex
from collections.abc import Iterator

from deploy.cli import COMMANDS
from deploy.command_fields import is_subcommand
from tests.documents import DOCUMENTS, PLACEHOLDER, inline_codes, shell_lines, text_of

_AUDIT = "tests/deploy/audit/test_auditing.py"
_CLI = "tests/deploy/test_cli.py"
_COMPARED = "tests/trainer/commands/test_cross_validate.py"
_DEMO = "tests/system/test_demo.py"
_DEVICES = "tests/ingest/devices/test_devices_command.py"
_DOCUMENTED = "tests/test_documented_commands.py"
_EDGE = "tests/model_store/edge/test_edge_command.py"
_MQTT = "tests/deploy/mqtt/test_mqtt_bridge.py"
_ON_SPARK = "tests/trainer/commands/test_train_on_spark.py"
_STORE = "tests/model_store/test_store_command.py"
_TRAIN = "tests/trainer/commands/test_train.py"
_UPKEEP = "tests/ingest/archive/test_keeping.py"

#: The tests that run a command, or ``.ci/run``, which runs it before a change lands.
RUN_BY: dict[str, tuple[str, ...]] = {
    "har --help": (f"{_CLI}::test_help_lists_all_commands",),
    "har --version": (f"{_CLI}::test_the_version_is_printed",),
    "har COMMAND --help": (f"{_CLI}::test_every_command_explains_its_options",),
    "jupytext": ("tests/notebooks/test_notebooks.py::test_a_notebook_without_training_runs_and_shows_its_pictures",),
    "mosquitto": (f"{_MQTT}::test_documents_over_mqtt_reach_kafka_with_the_phones_token",),
    "mosquitto_passwd": (f"{_MQTT}::test_documents_over_mqtt_reach_kafka_with_the_phones_token",),
    "node": (f"{_MQTT}::test_documents_over_mqtt_reach_kafka_with_the_phones_token",),
    "npm ci": (".ci/run",),
    "har archive compact": (
        f"{_UPKEEP}::test_compaction_writes_the_same_rows_sorted_to_fewer_files_and_keeps_the_old_files_for_readers",
    ),
    "har archive run": (
        "tests/ingest/archive/test_archiving.py::test_a_process_that_gets_a_signal_commits_the_held_rows",
    ),
    "har archive verify": (f"{_UPKEEP}::test_verification_finds_what_differs",),
    "har audit": (f"{_AUDIT}::test_a_correct_stream_is_clean_and_each_fault_is_reported",),
    "har completion": ("tests/deploy/test_completion.py::test_bash_completes",),
    "har cross-validate": (f"{_COMPARED}::test_protocols_are_reported_side_by_side_with_a_warning_for_the_leaky_one",),
    "har dashboard": (
        "tests/system/test_live_page.py::test_eight_phones_change_activity_and_the_page_survives_its_server",
    ),
    "har data fetch": ("tests/trainer/commands/test_data.py::test_a_data_set_is_fetched_and_reported",),
    "har data simulate": ("tests/trainer/commands/test_data.py::test_simulated_background_is_a_data_set",),
    "har data report": ("tests/trainer/commands/test_data.py::test_a_data_set_is_fetched_and_reported",),
    "har demo": (
        f"{_DEMO}::test_an_unattended_run_misses_no_window_and_is_accurate_and_fast",
        f"{_DEMO}::test_phones_on_the_lan_connect_by_https_with_a_token",
        f"{_DEMO}::test_a_running_kafka_is_used_and_its_old_messages_are_not_counted",
    ),
    "har devices enrol": (f"{_DEVICES}::test_enrol_prints_an_address_a_code_and_a_qr_code",),
    "har devices forget": (f"{_DEVICES}::test_a_device_is_erased_from_registry_archive_and_redis",),
    "har devices list": (f"{_DEVICES}::test_a_device_is_listed_revoked_and_enrolled_again",),
    "har devices revoke": (f"{_DEVICES}::test_a_device_is_listed_revoked_and_enrolled_again",),
    "har devices token": (f"{_DEVICES}::test_a_device_is_listed_revoked_and_enrolled_again",),
    "har edge bench": (f"{_EDGE}::test_bench_measures_time_and_memory",),
    "har edge pull": (f"{_EDGE}::test_pull_fetches_the_release_for_later_runs",),
    "har edge run": (
        f"{_EDGE}::test_readings_on_standard_input_become_predictions_on_standard_output",
        f"{_EDGE}::test_a_recording_is_classified_on_its_own_time_axis",
    ),
    "har classify": (
        "tests/classify/test_command.py::test_a_file_becomes_a_table_and_a_summary",
        "tests/classify/test_command.py::test_from_pipe_to_pipe",
    ),
    "har evaluate": ("tests/trainer/commands/test_evaluate.py::test_a_report_with_plots_is_written",),
    "har gateway": (
        "tests/ingest/gateway/test_kafka_away.py::test_a_gateway_stops_within_seconds_while_kafka_is_frozen",
    ),
    "har kafka": (
        "tests/deploy/test_kafka_cluster.py"
        "::test_har_kafka_makes_the_topics_prints_its_address_keeps_its_data_and_stops_on_ctrl_c",
    ),
    "har personalise": (
        "tests/trainer/commands/test_personalise.py::test_a_head_is_made_from_the_labels_of_one_device_and_published",
    ),
    "har prepare": (
        "tests/trainer/preparation/test_on_spark.py"
        "::test_the_command_prepares_on_spark_what_it_prepares_in_its_process",
    ),
    "har processor": ("tests/system/test_faults.py::test_nothing_is_lost_if_a_part_is_killed",),
    "har release export": (
        "tests/classify/export/test_export.py::test_mlflow_loads_and_runs_the_model",
        "tests/classify/export/test_export.py::test_a_hugging_face_repository_is_a_release_with_a_card",
    ),
    "har replay": ("tests/ingest/senders/test_replay.py::test_the_command_replays_a_recording_to_its_end",),
    "har simulate": ("tests/system/test_faults.py::test_nothing_is_lost_if_a_part_is_killed",),
    "har store init": (f"{_STORE}::test_from_an_empty_folder_to_a_release_and_back",),
    "har store list": (f"{_STORE}::test_from_an_empty_folder_to_a_release_and_back",),
    "har store promote": (f"{_STORE}::test_from_an_empty_folder_to_a_release_and_back",),
    "har store publish": (f"{_STORE}::test_from_an_empty_folder_to_a_release_and_back",),
    "har store renew": (f"{_STORE}::test_rotated_offline_keys_stay_encrypted",),
    "har store rollback": (f"{_STORE}::test_from_an_empty_folder_to_a_release_and_back",),
    "har store rotate-key": (f"{_STORE}::test_rotated_offline_keys_stay_encrypted",),
    "har store serve": (f"{_DEMO}::test_an_unattended_run_misses_no_window_and_is_accurate_and_fast",),
    "har store show": (f"{_STORE}::test_show_prints_manifest_and_files",),
    "har store verify": (f"{_STORE}::test_verify_reports_a_changed_file",),
    "har topics": ("tests/deploy/test_topics.py::test_topics_are_created_once_with_partitions_and_replicas",),
    "har train": (
        f"{_TRAIN}::test_the_run_folder_contains_record_metrics_and_plots",
        f"{_TRAIN}::test_scheduled_rounds_write_a_history_and_survive_a_failed_one",
        f"{_ON_SPARK}::test_a_worker_killed_on_a_standalone_cluster_fails_the_run_which_resumes_to_a_release",
        f"{_ON_SPARK}::test_asynchronous_workers_share_the_shards_and_make_a_release",
    ),
    "make help": (f"{_DOCUMENTED}::test_make_help_lists_the_documented_targets",),
    "make lint": (".ci/run",),
    "make test": (".ci/run",),
    "python -c": (f"{_DOCUMENTED}::test_spark_is_where_the_documents_look_for_it",),
    "python -m benchmarks.message_codec": (f"{_DOCUMENTED}::test_the_messages_have_the_documented_sizes",),
    "spark-class": (
        f"{_ON_SPARK}::test_a_worker_killed_on_a_standalone_cluster_fails_the_run_which_resumes_to_a_release",
    ),
}

_INSTALLS = "It installs packages on the machine."
_MEASURES = f"It measures for minutes; {_DOCUMENTED} checks that the program accepts the documented options."
#: Why no test runs a command. `tests/test_documented_commands.py` checks each make target here with ``make --dry-run``.
NOT_RUN: dict[str, str] = {
    ".ci/run": "It runs the tests.",
    "apt install": _INSTALLS,
    "aws s3 sync": "It belongs to AWS's own tools, and needs an account.",
    "brew install": "It installs packages on a Mac.",
    "docker compose up": "It needs a Docker engine, which the machines of the tests lack.",
    "git log": "It needs a clone with its history, which a source archive lacks.",
    "git tag": "Only a maintainer makes a version.",
    "lint-imports": "`make lint` runs it.",
    "make bench": "It measures for minutes.",
    "make bench-training": "It measures for over an hour, and needs recordings that are not in the repository.",
    "make coverage": "It runs the tests.",
    "make demo": "It installs packages; tests run `har demo`, which it starts.",
    "make docs": "It writes files of the repository; tests/deploy/test_reference.py compares them with the code.",
    "make faults": "It takes an hour; `make test` runs the same tests in a short form.",
    "make kafka": "It installs packages; tests/deploy/test_kafka_cluster.py runs `har kafka`, which it starts.",
    "make lock": "It resolves the newest versions of all dependencies, and so changes files of the repository.",
    "make setup": "It installs packages into .venv; `make lint` and `make test`, which `.ci/run` runs, begin with it.",
    "make notebooks": "It opens a browser; tests/notebooks/test_notebooks.py runs the notebooks.",
    "make soak": "It takes half an hour.",
    "make test-long": "It runs the tests, in forms that take minutes.",
    "make test-quick": "It runs the tests, a part of those of `make test`.",
    "pip install": "It downloads packages; tests/deploy/test_extras.py installs each extra with uv from its cache.",
    "pre-commit install": "It changes the clone's Git hooks; `make lint` runs the same checks.",
    "pytest": "It runs the tests.",
    "python -m benchmarks.canaries": _MEASURES,
    "python -m benchmarks.check_recording": _MEASURES,
    "python -m benchmarks.classify_recording": _MEASURES,
    "python -m benchmarks.freezing": _MEASURES,
    "python -m benchmarks.gateway_load": _MEASURES,
    "python -m benchmarks.personalisation": _MEASURES,
    "python -m benchmarks.preparation": _MEASURES,
    "python -m benchmarks.read_back": _MEASURES,
    "python -m benchmarks.reading_rates": _MEASURES,
    "python -m benchmarks.stream": _MEASURES,
    "python -m benchmarks.training": _MEASURES,
    "python -m benchmarks.upright_reference": _MEASURES,
    "python -m pytest": "It runs the tests.",
    "python -m trainer.commands.baseline": (
        "It trains for an hour; tests/trainer/commands/test_baseline.py calls what it does with a tiny network."
    ),
    "some-sensor": "It stands for the program of a reader's own sensor.",
    "taskset": "It pins a benchmark to one core.",
    "tensorboard": "It serves a page; tests/trainer/commands/test_train.py checks that it has files to show.",
}

#: Programs by which code within a line is known as a command.
_PROGRAMS = {
    "apt", "apt-get", "aws", "brew", "curl", "docker", "git", "har", "make", "mvn", "npm", "npx", "pip", "pre-commit",
    "pytest", "python", "python3", "source", "spark-class", "taskset", "tensorboard", "uv",
}  # fmt: skip
#: The same without further words.
_WITHOUT_WORDS = {".ci/run", "lint-imports"}
#: How many words after a program belong to the command.
_SUBCOMMAND_WORDS = {"apt": 1, "aws": 2, "brew": 1, "docker": 2, "git": 1, "make": 1, "npm": 1, "pip": 1, "uv": 1}
_SUBCOMMAND_WORDS |= {"apt-get": 1, "pre-commit": 1}
_SHELL = {"export", "source"}
_NESTED = re.compile(r"[$<]\((.+)\)")


def documented_commands() -> dict[str, set[str]]:
    """Return every command of the documents, with the documents that contain it."""
    found: dict[str, set[str]] = {}
    for document in DOCUMENTS:
        for line in command_lines(text_of(document)):
            for command in commands_of(line):
                found.setdefault(command, set()).add(document)
    return found


def command_lines(text: str) -> Iterator[str]:
    """Yield the lines of shell blocks, and the commands in their comments and within lines of text."""
    for line, comment in shell_lines(text):
        yield line
        yield from re.findall(r"\bhar [a-z][^;,:]*", comment)
    for code in inline_codes(text):
        words = [word for word in code.split() if not _is_assignment(word)]
        if code in _WITHOUT_WORDS or (len(words) > 1 and _program(words[0]) in _PROGRAMS):
            yield code


def commands_of(line: str) -> list[str]:
    """Return the commands that a line of a shell runs.

    Examples
    --------
    >>> commands_of("some-sensor | .venv/bin/har edge run --device my-pi")
    ['some-sensor', 'har edge run']
    >>> commands_of("taskset -c 1 python -m benchmarks.freezing")
    ['taskset', 'python -m benchmarks.freezing']
    >>> commands_of("HAR_TOKEN=… docker compose up --build")
    ['docker compose up']
    >>> commands_of("source <(har completion bash)")
    ['har completion']
    """
    commands = [command for nested in _NESTED.findall(line) for command in commands_of(nested)]
    for part in _NESTED.sub(PLACEHOLDER, line).split(" | "):
        words = shlex.split(part)
        while words and _is_assignment(words[0]):
            words.pop(0)
        if words[:1] == ["taskset"]:
            commands += ["taskset", *commands_of(shlex.join(words[3:]))]
        elif words and words[0] not in _SHELL and (command := _command(words)):
            commands.append(command)
    return commands


def _command(words: list[str]) -> str | None:
    """Return the command without its options; None for a group of commands, such as `har edge`."""
    program, rest = words[0] if words[0] in _WITHOUT_WORDS else _program(words[0]), words[1:]
    if program == "har":
        return _har_command(rest)
    if program in ("python", "python3"):
        return " ".join(["python", *rest[: 2 if rest[0] == "-m" else 1]])
    return " ".join([program, *rest[: _SUBCOMMAND_WORDS.get(program, 0)]])


def _har_command(words: list[str]) -> str | None:
    if words[0] == PLACEHOLDER:
        return None
    if words[0] not in COMMANDS:
        return " ".join(["har", *words])
    if not any(map(is_subcommand, COMMANDS[words[0]].settings.model_fields.values())):
        return f"har {words[0]}"
    return f"har {words[0]} {words[1]}" if len(words) > 1 else None


def _program(word: str) -> str:
    return word.rpartition("/")[2]


def _is_assignment(word: str) -> bool:
    return re.match(r"[A-Z_]+=", word) is not None
