"""Files that are no tables of readings: a message says what they are, and what to do instead."""

from pathlib import Path

import pytest

from har.recordings import RecordingError
from recording_files import find_source
from tests.recording_files.made_exports import EXPORTS, hhar, phyphox, table, write_export
from tests.recording_files.made_files import HHAR_FILE, write_files, zipped

XLSX = zipped({"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<workbook/>"})


def gyroscope_of_hhar() -> str:
    header = "Index,Arrival_Time,Creation_Time,x,y,z,User,Model,Device,gt"
    begin = 1_424_696_631
    return table(
        header, lambda n, t, a: f"{n},{begin * 1000 + n},{begin * 10**9 + n * 10**6},.01,.02,0,a,gear,gear_1,walk"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (XLSX, "data.csv is a document in a zip archive, such as an Excel workbook: save its sheet as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an Excel workbook: save its sheet as CSV"),
        (b"\x93NUMPY\x01\x00", "is a NumPy array"),
        (zipped({"arr_0.npy": b"\x93NUMPY"}), "is a document in a zip archive"),
        (b"MD\xfc\x03" + bytes(1020), r"is a recording of an Axivity device \(\.cwa\): convert it to CSV"),
        (b"Device Identity\nDevice Unique Serial Code:1\n", r"is a recording of a GENEActiv device \(\.bin\): convert"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
        (b"t.csv" + b"\0" * 252 + b"ustar\x0000", "is a tar archive: unpack it and pass the folder"),
        (gyroscope_of_hhar(), "is a table of HHAR's gyroscopes, not of an accelerometer: its readings show no gravity"),
        (
            phyphox().replace("Acceleration", "Gyroscope").replace("m/s^2", "rad/s"),
            r"is a table of a gyroscope \(Gyroscope x \(rad/s\).*not of an accelerometer",
        ),
        ("time,latitude,longitude,height\n1,2,3,4\n2,2,3,4\n", "is a table of a location sensor"),
    ],
)
def test_a_file_that_is_no_table_of_readings_is_named(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RecordingError, match=message) as error:
        find_source(path)
    assert "\n" not in str(error.value)


def test_an_archive_of_phyphox_is_read_without_its_descriptions(tmp_path: Path) -> None:
    archive = tmp_path / "My walk.zip"
    archive.write_bytes(
        zipped(
            {
                "Raw Data.csv": phyphox(),
                "meta/device.csv": '"property","value"\n"version","1.1.16"\n"deviceModel","Pixel"\n',
                "meta/time.csv": '"event","experiment time","system time","system time text"\n"START",0,1.7E9,"x"\n',
            }
        )
    )
    source = find_source(archive)
    (part,) = source.parts()
    assert (part.table["user"][0].as_py(), part.table["session"][0].as_py()) == ("My walk", "My walk")
    assert ["device.csv is phyphox's description" in remark for remark in source.remarks()] == [True, False]


def test_watches_of_hhar_are_read_and_their_gyroscopes_left_out(tmp_path: Path) -> None:
    write_files(tmp_path, {"Watch_accelerometer.csv": hhar(), "Watch_gyroscope.csv": gyroscope_of_hhar()})
    source = find_source(tmp_path)
    (part,) = source.parts()
    assert part.table["device"][0].as_py() == "gear_1"
    assert "Watch_gyroscope.csv is a table of HHAR's gyroscopes" in source.remarks()[0]
    write_files(tmp_path, {HHAR_FILE: hhar().replace("gear", "nexus4")})
    assert {part.table["device"][0].as_py() for part in find_source(tmp_path).parts()} == {"nexus4_1"}


def test_a_folder_for_each_person_names_the_people(tmp_path: Path) -> None:
    for folder in ("anna", "ben"):
        (tmp_path / folder).mkdir()
        for day in ("monday", "tuesday"):
            write_export(tmp_path / folder, "phyphox", f"{day}.csv")
    (tmp_path / "about.csv").write_text("person,age\nanna,30\n")
    source = find_source(tmp_path)
    names = [(part.table["user"][0].as_py(), part.table["session"][0].as_py()) for part in source.parts()]
    assert names == [(user, day) for user in ("anna", "ben") for day in ("monday", "tuesday")]
    assert "about.csv: none of the known formats" in source.remarks()[0]


def test_a_folder_with_tables_of_several_formats_is_refused(tmp_path: Path) -> None:
    write_export(tmp_path, "phyphox", "a.csv")
    write_export(tmp_path, "WISDM", "b.csv")
    with pytest.raises(RecordingError, match=r"several formats \(a\.csv is phyphox; b\.csv is WISDM\): pass the files"):
        find_source(tmp_path)


def test_motionsense_has_files_of_one_name_in_many_folders(tmp_path: Path) -> None:
    text = EXPORTS["MotionSense"][0]()
    names = [f"A_DeviceMotion_data/{trial}/sub_{person}.csv" for trial in ("dws_1", "wlk_7") for person in (1, 2)]
    source = find_source(write_files(tmp_path, dict.fromkeys(names, text)))
    assert source.understood()[0] == "format MotionSense"
    found = [tuple(part.table[name][0].as_py() for name in ("user", "session", "gt")) for part in source.parts()]
    assert found == [
        ("sub_1", "dws_1", "stairsdown"), ("sub_2", "dws_1", "stairsdown"),
        ("sub_1", "wlk_7", "walk"), ("sub_2", "wlk_7", "walk"),
    ]  # fmt: skip


def test_a_raw_file_of_hapt_is_read_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "acc_exp07_user04.txt"
    path.write_text(table("", lambda n, t, a: " ".join(f"{value / 9.80665:.6f}" for value in a)))
    (part,) = find_source(path).parts()
    assert (part.table["user"][0].as_py(), part.table["session"][0].as_py()) == ("u04", "e07")
    assert part.times()[1] == 20_000


def test_three_numbers_without_a_header_need_a_rate(tmp_path: Path) -> None:
    path = tmp_path / "walk.txt"
    path.write_text(table("", lambda n, t, a: " ".join(f"{value:.6f}" for value in a)))
    with pytest.raises(RecordingError, match=r"do not tell the times .*--rate-hz if there are none"):
        find_source(path)
    (part,) = find_source(f"{path} --rate-hz 100").parts()
    assert part.times()[1] == 10_000


def test_a_frame_of_pandas_with_its_index_is_read(tmp_path: Path) -> None:
    path = tmp_path / "frame.csv"
    path.write_text(table(",time,ax,ay,az", lambda n, t, a: f"{n},{t},{a[0]},{a[1]},{a[2]}"))
    (part,) = find_source(path).parts()
    assert part.times()[1] == 10_000
