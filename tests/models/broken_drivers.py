"""Broken drivers: each is the driver of models/ with one rule broken, by an exact replacement of its text.

`caught_by` names the test that must fail on it, `file.function` in tests/models. Where a text is no longer there once,
the driver that was to be broken cannot be made, which is an error and not a pass.
"""

from __future__ import annotations
import __future__

import importlib
import inspect
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

__all__ = ["BROKEN", "ROOT", "Broken", "Edit", "apply", "broken_tree", "run_in"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Edit:
    """`old`, which must stand once in the function `where` ("module:Class.function" below models), becomes `new`."""

    where: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Broken:
    """One broken driver: what is wrong with it, the rule it breaks, the edits, the test that catches it."""

    name: str
    rule: str
    edits: tuple[Edit, ...]
    caught_by: str


def apply(edit: Edit, patch: pytest.MonkeyPatch) -> None:
    """Make the edit until `patch` is undone. LookupError when its text is not there exactly once, or is inherited."""
    name, path = edit.where.split(":")
    module = importlib.import_module(f"models.{name}")
    owner: Any = module
    *outer, last = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    if last not in vars(owner):
        raise LookupError(f"{edit.where} is defined elsewhere, among other names")
    original = inspect.getattr_static(owner, last)
    text = textwrap.dedent(inspect.getsource(original.fget if isinstance(original, property) else original))
    if text.count(edit.old) != 1:
        raise LookupError(f"{edit.where} has {edit.old!r} {text.count(edit.old)} times, not once")
    code = compile(
        text.replace(edit.old, edit.new), f"<broken {edit.where}>", "exec", __future__.annotations.compiler_flag
    )
    made: dict[str, Any] = {}
    exec(code, module.__dict__, made)
    patch.setattr(owner, last, made[last])
    for other in [each for key, each in sys.modules.items() if key.startswith(("models.", "tests.models."))]:
        if other is not module and getattr(other, last, None) is original:
            patch.setattr(other, last, made[last])


def broken_tree(tree: Path, name: str) -> Path:
    """Make a tree of the Python rooms whose driver is the broken one of this name, on disk; return it."""
    for room in ("models", "tb", "tests"):
        shutil.copytree(ROOT / room, tree / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    for edit in next(broken for broken in BROKEN if broken.name == name).edits:
        file = tree / "models" / (edit.where.split(":")[0].replace(".", "/") + ".py")
        text = file.read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            raise LookupError(f"{file} has {edit.old!r} {text.count(edit.old)} times, not once")
        file.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
    return tree


def run_in(tree: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Python with a tree as its root, and nothing of this process's."""
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=tree, env=bare, capture_output=True, text=True, timeout=900, check=False)


def _one(name: str, rule: str, where: str, old: str, new: str, caught_by: str) -> Broken:
    return Broken(name, rule, (Edit(where, old, new),), caught_by)


_DRAW, _UPLOAD, _PLAN = "driver:Driver._draw", "driver:Driver.upload", "drawing:plan"
_HANDLE, _READBACK = "fault:FaultHandler.handle", "fault:FaultHandler.readback"
_POLICY, _SPACE = "policy.tracking:Tracked", "page_table:AddressSpace"
_ENGINE, _RECOVERY = "faultline_engine:FaultlineEngine", "recovery:Recovery"

BROKEN = (
    # ------------------------------------------------------------------------------------------- zap
    _one("zap skipped", "R19", "driver:Driver.zap", "buffer.space.zap(pages)", "0",
         "test_twins.test_the_good_driver_gives_the_oracle_no_cause"),
    _one("zap without the last page", "R19", "driver:Driver.zap", "to_zap(buffer, writes)",
         "to_zap(buffer, writes)[:-1]",
         "test_driver.test_submission_harvests_uploads_zaps_draws_and_fences_in_that_order_under_the_lock"),
    _one("zap without the first page", "R19", f"{_POLICY}.to_zap", "list(writes)", "list(writes)[1:]",
         "test_driver.test_submission_harvests_uploads_zaps_draws_and_fences_in_that_order_under_the_lock"),
    Broken("zap without harvest", "R20", (
        Edit("driver:Driver.make_way", "if buffer.outside is not None:", "if True:"),
        Edit(f"{_SPACE}.zap", "if (mapping.dirty & part).any():", "mapping.dirty &= ~part\n        if False:"),
    ), "test_driver.test_submission_harvests_uploads_zaps_draws_and_fences_in_that_order_under_the_lock"),
    _one("zap in the first mapping only", "R7", f"{_SPACE}.zap", "in self.mappings:", "in self.mappings[:1]:",
         "test_page_table.test_zap_reaches_every_mapping_also_partial_ones_and_forked_copies"),
    _one("zap at the wrong place of a partial mapping", "R7", f"{_SPACE}.zap",
         "chosen[mapping.first : mapping.first + mapping.count]", "chosen[: mapping.count]",
         "test_driver_edges.test_a_zap_takes_the_write_permission_too"),
    _one("zap leaves the write permission", "R21", f"{_SPACE}.zap", "mapping.writable &= ~part", "pass",
         "test_driver_edges.test_a_zap_takes_the_write_permission_too"),
    _one("zap unseen by who prepares an entry", "R16", f"{_SPACE}.zap", "self.generation += 1", "pass",
         "test_driver_edges.test_an_entry_is_not_installed_when_a_zap_came_since"),
    _one("device read zaps", "R19", "driver:Driver._make_current",
         'uploads = yield from self.upload(buffer, "device read")',
         'uploads = yield from self.upload(buffer, "device read")\n'
         "    yield from self.zap(buffer, range(buffer.pages))",
         "test_driver.test_a_device_read_uploads_and_zaps_nothing"),
    _one("entries of a mapping beside the buffer's list", "R7", "driver:Driver.mmap",
         "dmabuf.buffer.space.add(mapping)", "pass",
         "test_driver_edges.test_a_load_leaves_its_page_clean_and_not_writable"),
    # ------------------------------------------------------------------------------------------- harvest
    _one("harvest does not protect", "R21", f"{_SPACE}.harvest", "mapping.writable[:] = False", "pass",
         "test_driver.test_the_first_store_after_a_scan_faults_again_but_a_load_does_not"),
    _one("harvest does not clear", "R20", f"{_SPACE}.harvest", "mapping.dirty[:] = False", "pass",
         "test_driver.test_submission_harvests_uploads_zaps_draws_and_fences_in_that_order_under_the_lock"),
    _one("harvest of the first mapping only", "R20", f"{_SPACE}.harvest", "in self.mappings:", "in self.mappings[:1]:",
         "test_page_table.test_a_write_fault_leaves_the_entry_dirty_and_harvest_protects_it"),
    _one("harvest at the wrong place of a partial mapping", "R20", f"{_SPACE}.harvest",
         "found[mapping.first : mapping.first + mapping.count]", "found[: mapping.count]",
         "test_page_table.test_a_write_fault_leaves_the_entry_dirty_and_harvest_protects_it"),
    _one("harvest forgets what it found", "R20", f"{_POLICY}.take_damage", "return pages", "return []",
         "test_driver.test_submission_harvests_uploads_zaps_draws_and_fences_in_that_order_under_the_lock"),
    _one("harvest reports old damage for ever", "R31", f"{_POLICY}.take_damage", "damage[pages] = False", "pass",
         "test_driver.test_only_dirty_pages_are_written_back"),
    _one("dirty bit lost on a faulting insert", "R21", "page_table:Mapping.insert", "self.dirty[index] |= dirty",
         "pass", "test_page_table.test_a_write_fault_leaves_the_entry_dirty_and_harvest_protects_it"),
    _one("a load dirties its page", "R21", "fault:FaultHandler.install", "insert(page, write)", "insert(page, True)",
         "test_driver_edges.test_a_load_leaves_its_page_clean_and_not_writable"),
    _one("dirty pages forgotten at unmap", "R20", "driver:Driver._munmap",
         "self.policy.unmapped(buffer, buffer.space.remove(mapping))", "buffer.space.remove(mapping)",
         "test_driver.test_unmapping_keeps_what_was_dirty"),
    _one("unmap reports nothing dirty", "R20", f"{_SPACE}.remove", "np.flatnonzero(mapping.dirty)",
         "np.flatnonzero(mapping.dirty[:0])", "test_driver.test_unmapping_keeps_what_was_dirty"),
    _one("a child's copy that nobody knows", "R22", f"{_SPACE}.fork", "self.add(copy)", "pass",
         "test_page_table.test_zap_reaches_every_mapping_also_partial_ones_and_forked_copies"),
    _one("a child's copy that is not writable", "R22", f"{_SPACE}.fork", "copy.writable[:] = mapping.writable", "pass",
         "test_driver.test_a_forked_child_writes_through_its_copy_and_nothing_is_lost"),
    # ------------------------------------------------------------------------------------------- upload
    _one("device read does not upload", "R19", "driver:Driver._make_current",
         'uploads = yield from self.upload(buffer, "device read")', "uploads = []; yield from ()",
         "test_driver.test_a_device_read_uploads_and_zaps_nothing"),
    _one("device read does not wait for drawing", "R10", "driver:Driver._make_current",
         "[*buffer.reservation.query(Usage.WRITE), *uploads]", "uploads",
         "test_driver.test_old_data_never_leaks_into_a_new_buffer"),
    _one("device read does not wait for its upload", "R19", "driver:Driver.device_read",
         "for fence in fences:", "for fence in fences[:0]:",
         "test_driver.test_old_data_never_leaks_into_a_new_buffer"),
    _one("drawing overtakes the upload", "R19", _DRAW, "work.commands(), after,", "work.commands(), (),",
         "test_driver.test_a_failed_upload_puts_the_damage_back_and_draws_nothing"),
    _one("drawing overtakes a transfer object", "R27", _DRAW, "*self._ahead(buffer, reads, writes)", "*()",
         "test_transfer_object.test_drawing_stays_behind_an_unfinished_upload_of_what_it_touches"),
    _one("source of a copy not uploaded", "R19", _PLAN,
         "work.reads.setdefault(source, set()).update(pages_of_box(source.surface, origin))", "pass",
         "test_driver.test_an_upload_stays_behind_drawing_that_reads_the_page"),
    _one("upload overtakes drawing that reads its pages", "R19", _UPLOAD, "self.policy.pending(buffer, pages)", "()",
         "test_driver.test_a_read_during_drawing_waits_and_brings_back_only_the_pages_touched"),
    _one("upload minds only drawing that writes", "R19", f"{_POLICY}.pending",
         "(*tracking.reading, *tracking.writing)", "tracking.writing",
         "test_driver.test_a_read_during_drawing_waits_and_brings_back_only_the_pages_touched"),
    _one("upload not remembered", "R23", _UPLOAD, "self.policy.uploading(buffer, pages, fence)", "pass",
         "test_driver.test_a_store_waits_for_an_upload_of_its_page_that_is_under_way"),
    _one("store into an upload under way", "R20", f"{_POLICY}.fault", "if write:", "if False:",
         "test_driver.test_a_store_waits_for_an_upload_of_its_page_that_is_under_way"),
    _one("whole buffer written back", "R31", _UPLOAD, "buffer.object_handle, pages, readback=False",
         "buffer.object_handle, range(buffer.pages), readback=False",
         "test_driver.test_a_partly_written_page_keeps_the_newer_device_bytes_around_it"),
    _one("last dirty page not written back", "R20", _UPLOAD, "buffer.object_handle, pages, readback=False",
         "buffer.object_handle, pages[:-1], readback=False",
         "test_driver.test_a_partly_written_page_keeps_the_newer_device_bytes_around_it"),
    _one("damage of a failed upload lost", "R23", f"{_POLICY}.look", "tracking.damage |= use.pages", "pass",
         "test_driver.test_a_failed_upload_puts_the_damage_back_and_draws_nothing"),
    _one("what a failed upload aborted counts as drawn", "R23", f"{_POLICY}.look",
         "tracking.device_dirty &= ~use.pages", "pass",
         "test_driver.test_a_failed_upload_puts_the_damage_back_and_draws_nothing"),
    _one("drawing behind a failed upload counts as drawn", "R23", f"{_POLICY}.drawing", "written & ~tracking.damage",
         "written", "test_driver.test_a_failed_upload_that_another_thread_sees_first_still_stops_the_drawing"),
    # ------------------------------------------------------------------------------------------- readback
    _one("no wait for the fence", "R17", _HANDLE, "*plan.wait)", ")",
         "test_driver.test_a_read_during_drawing_waits_and_brings_back_only_the_pages_touched"),
    _one("readback before the device finished", "R17", f"{_POLICY}.fault",
         "if tracking.device_dirty[page]:", "if False:",
         "test_driver.test_a_read_during_drawing_waits_and_brings_back_only_the_pages_touched"),
    _one("entry installed before its bytes are there", "R17", _READBACK,
         'yield from self.engine.wait(fence, cause="readback", process=process, buffer=buffer.name)', "pass",
         "test_driver.test_a_read_during_drawing_waits_and_brings_back_only_the_pages_touched"),
    _one("no readback for stores: a whole page over newer device bytes", "R31", f"{_POLICY}.fault",
         "if tracking.device_dirty[page] else ()", "if tracking.device_dirty[page] and not write else ()",
         "test_driver.test_a_partly_written_page_keeps_the_newer_device_bytes_around_it"),
    _one("device-dirty not set", "R19", "driver:Driver.note_work", "drawing(buffer, reads, writes, fence)",
         "drawing(buffer, reads, (), fence)",
         "test_driver.test_a_read_during_drawing_waits_and_brings_back_only_the_pages_touched"),
    _one("device-dirty not cleared", "R17", f"{_POLICY}.brought_back", "= False", "= True",
         "test_twins.test_the_good_driver_gives_the_oracle_no_cause"),
    _one("device-dirty cleared beyond the pages brought back", "R17", _READBACK, "brought_back(buffer, pages, plan)",
         "brought_back(buffer, range(buffer.pages), plan)",
         "test_driver.test_a_read_during_drawing_waits_and_brings_back_only_the_pages_touched"),
    _one("entry installed after a racing zap", "R16", "fault:FaultHandler.install",
         "if generation != buffer.space.generation:", "if False:",
         "test_driver_edges.test_an_entry_is_not_installed_when_a_zap_came_since"),
    _one("entry installed after a failed readback", "R16", _HANDLE,
         "yield from self._unlock(buffer, process)\n            raise BusFault(process, address, error) from error",
         "pass",
         "test_driver.test_a_failed_readback_is_sigbus_and_the_entry_stays_absent"),
    _one("store through a mapping that may only read", "R6", _HANDLE, "(write and not mapping.may_write)", "False",
         "test_driver.test_a_read_only_mapping_refuses_stores"),
    _one("implicit synchronisation ignored", "R18", f"{_POLICY}.fault", "buffer.reservation.waits(write)", "()",
         "test_driver.test_pages_that_the_device_did_not_write_need_no_wait_unless_synchronisation_is_implicit"),
    # ------------------------------------------------------------------------------------------- ranges
    _one("page runs a byte short", "R17", "transfer:boxes_of_bytes", "min(first + length, surface.linear_size)",
         "min(first + length, surface.linear_size) - 1",
         "test_driver.test_a_partly_written_page_keeps_the_newer_device_bytes_around_it"),
    _one("page runs a row too long", "R31", "transfer:boxes_of_bytes", "(end - first) // stride",
         "-(-(end - first) // stride)", "test_transfer.test_a_run_is_partial_row_full_rows_partial_row"),
    _one("box without its last page", "R19", "transfer:_pages", "(start + box.width - 1) // PAGE + 1",
         "(start + box.width - 1) // PAGE",
         "test_driver_edges.test_a_box_that_ends_with_a_page_touches_no_further_one"),
    _one("box with a page too many", "R19", "transfer:_pages", "(start + box.width - 1) // PAGE + 1",
         "(start + box.width) // PAGE + 1",
         "test_driver_edges.test_a_box_that_ends_with_a_page_touches_no_further_one"),
    _one("access past the end of a mapping", "R16", "page_table:PageTable.lookup", "<= address < mapping.address",
         "<= address <= mapping.address", "test_page_table.test_an_access_splits_at_pages_and_faults_outside"),
    _one("object table a page off", "R19", "page_table:ObjectTable.entry_address", "self._tables[page // _ENTRIES] +",
         "self._tables[page // _ENTRIES] + 8 * (page > 3) +", "test_driver.test_only_dirty_pages_are_written_back"),
    # ------------------------------------------------------------------------------------------- life cycle
    _one("new buffer not cleared", "R30", "clearing:clear", 'submit(Queue.RENDER, [fill], cause="clear")',
         'submit(Queue.RENDER, [], cause="clear")', "test_driver.test_old_data_never_leaks_into_a_new_buffer"),
    _one("upload overtakes the clearing", "R30", "clearing:clear",
         "policy.drawing(buffer, range(buffer.pages), (), fence)", "pass",
         "test_driver.test_a_read_during_drawing_waits_and_brings_back_only_the_pages_touched"),
    _one("buffer destroyed under its work", "R2", "driver:Driver._destroy",
         "buffer.reservation.query(Usage.BOOKKEEP)", "()",
         "test_driver_edges.test_a_buffer_is_destroyed_only_when_its_work_is_done"),
    _one("buffer destroyed while a reference is left", "R2", "driver:Driver._expect_unused",
         "shared is not None and shared.references", "False",
         "test_dmabuf.test_a_buffer_that_is_shared_or_attached_is_not_destroyed"),
    _one("mapping without a reference", "R7", "driver:Driver.mmap", "dmabuf.get()", "pass",
         "test_driver.test_a_buffer_whose_last_work_failed_is_freed_all_the_same"),
    _one("released twice", "R2", "dmabuf:DmaBuf.put", "if not self.references:", "if self.references < 2:",
         "test_driver.test_a_buffer_whose_last_work_failed_is_freed_all_the_same"),
    _one("another object for an import of its own", "R3", "importer:DeviceFiles.import_dmabuf",
         "if known.dmabuf is dmabuf:", "if False:",
         "test_dmabuf.test_importing_on_the_exporting_device_gives_the_same_object_without_attaching"),
    _one("what comes to the lock of a destroyed buffer goes on", "R2", "driver:Driver.hold", "if buffer.gone:",
         "if False:",
         "test_driver_edges.test_what_comes_to_a_buffer_beside_its_end_is_done_before_or_refused"),
    _one("a request on a descriptor holds no reference", "R2", "bracket:ioctl",
         ".get()\n    try:\n        yield from _request(files, dmabuf, request, argument, signals)\n"
         "    finally:\n        dmabuf.put()", "\n    yield from _request(files, dmabuf, request, argument, signals)",
         "test_bracket.test_a_request_holds_a_reference_while_another_thread_closes_the_descriptor",),
    _one("private mapping allowed", "R6", "dmabuf:DmaBuf.check_mmap", "if not shared:", "if False:",
         "test_dmabuf.test_mmap_refuses_by_the_book"),
    # ------------------------------------------------------------------------------------------- fences and queues
    _one("queue does not wait for the other's fence", "R17", f"{_ENGINE}._submit", "= [*waits, *body]",
         "= [*body]", "test_driver.test_a_read_during_drawing_waits_and_brings_back_only_the_pages_touched"),
    _one("error of a fence swallowed", "R23", "ring:Ring.finish", "fence.finish(self.failed.pop(fence, misled))",
         "fence.finish(self.failed.pop(fence, misled) and None)",
         "test_driver.test_a_failed_readback_is_sigbus_and_the_entry_stays_absent"),
    _one("work behind a failed fence runs", "R23", f"{_RECOVERY}._restart",
         "if not any(ring.misled for ring in rings):", "if True:",
         "test_driver.test_a_failed_upload_puts_the_damage_back_and_draws_nothing"),
    Broken("records taken by all during a recovery", "R23", (
        Edit(f"{_ENGINE}._published", "not self._recovery.restarting and", ""),
        Edit(f"{_ENGINE}._take", "or self._recovery.restarting", ""),
    ), "test_engine.test_nobody_takes_a_cut_submission_for_done_while_it_is_aborted"),
    _one("translations of a reused object number kept", "R19", f"{_ENGINE}.bind_object",
         "yield from self.invalidate(handle)", "pass",
         "test_driver_edges.test_an_object_number_that_is_used_again_has_no_old_translations"),
    _one("ring filled by one too many", "R19", f"{_ENGINE}._submit", "ring.entries - len(ring.flying) < len(part) + 1",
         "ring.entries - len(ring.flying) < len(part)",
         "test_driver_edges.test_a_ring_never_holds_more_than_it_has_room_for"),
    _one("fence values that do not wrap", "R14", "fence:seqno_passed",
         "(current - value) & 0xFFFFFFFF < 0x80000000", "current >= value",
         "test_fence.test_a_counter_has_passed_what_it_went_through_also_when_it_wraps"),
    _one("writers do not wait for readers", "R10", "fence:Reservation.waits", "Usage.READ if write else Usage.WRITE",
         "Usage.WRITE",
         "test_fence.test_a_reader_waits_for_writers_and_a_writer_for_readers_too_but_nobody_for_bookkeeping"),
    _one("a query without its own class", "R14", "fence:Reservation.query", "kind <= usage", "kind < usage",
         "test_driver.test_a_partly_written_page_keeps_the_newer_device_bytes_around_it"),
    # ------------------------------------------------------------------------------------------- errors of others
    _one("work of others that a recovery aborts is lost", "R23", f"{_RECOVERY}._again",
         "ring.put(descriptor, one.fence, one.last)", "pass",
         "test_driver_edges.test_a_drawing_and_a_transfer_beside_the_error_of_another_client_are_done"),
    _one("only what stands next behind an error ends with it", "R23", f"{_RECOVERY}.mislead",
         "if culprit in fence.ahead():", "if culprit in fence.after:",
         "test_engine.test_work_of_others_that_a_recovery_aborts_is_done_again"),
    _one("records that did not arrive waited for", "R23", f"{_RECOVERY}.acknowledge", "self.lossy.update(Queue)",
         "pass", "test_engine.test_work_of_which_nobody_hears_is_done_all_the_same"),
    _one("error in a record that did not arrive taken for success", "R23", f"{_RECOVERY}.fill_in",
         "if record is None and why:", "if False:",
         "test_engine.test_an_error_of_which_nobody_hears_is_an_error"),
    _one("what was done unheard done again", "R23", f"{_RECOVERY}._restart", "yield from self.fill_in(ring)",
         "yield from ()", "test_engine.test_what_was_done_unheard_before_an_abort_is_not_done_again"),
    _one("abort of which nobody hears", "R23", f"{_RECOVERY}._drain",
         "ring.fill(0, Status.ABORTED, Cause.ABORTED)", "pass",
         "test_engine.test_what_was_done_unheard_before_an_abort_is_not_done_again"),
    _one("translations that could not be dropped are used", "R19", f"{_ENGINE}.invalidate",
         "self._drops[handle] = fence =", "fence =",
         "test_engine.test_no_transfer_goes_through_translations_that_could_not_be_dropped"),
    _one("a clearing that failed is never done again", "R30", "clearing:cleared",
         "if buffer.clearing is not None and buffer.clearing.error is not None:", "if False:",
         "test_driver_edges.test_a_clearing_that_failed_is_done_again_before_anybody_sees_the_storage"),
    _one("drawing overtakes a clearing that may fail", "R30", _DRAW,
         "*(yield from self.cleared(buffer))", "*()",
         "test_driver_edges.test_a_clearing_that_failed_is_done_again_before_anybody_sees_the_storage"),
    _one("storage shown while it is swapped", "R30", "driver:Driver.scan_out", "if surface is buffer.surface:",
         "surface = buffer.surface\n        if True:",
         "test_driver_edges.test_a_scan_out_beside_a_discard_never_shows_what_others_left"),
    _one("a move that failed keeps the new place", "R4", "exporter:Exporter._move", "self._place(old)", "pass",
         "test_driver_edges.test_a_move_whose_translations_cannot_be_dropped_leaves_all_in_place"),
    _one("a bracket never ended is sent over a drawing", "R31", "policy.sync_bracket:SyncBracket.unmapped",
         "mask_of(buffer, pages) & ~tracking.device_dirty", "mask_of(buffer, pages)",
         "test_bracket.test_a_bracket_that_its_client_never_ended_hides_no_drawing"),
    # ------------------------------------------------------------------------------------------- other devices
    _one("a transfer that another device does not see", "R4", "transfer_object:Transfers._send_now",
         "yield from driver.push(buffer, pages)", "pass",
         "test_importer.test_a_transfer_reaches_a_device_that_has_the_buffer_mapped"),
    _one("an aperture store that another device does not see", "R4", "aperture:Aperture._store",
         "yield from self.driver.push(buffer, [offset // PAGE])", "pass",
         "test_importer.test_an_aperture_store_reaches_a_device_that_has_the_buffer_mapped"),
    Broken("brought back under another device's read", "R4", (
        Edit("driver:Driver.push",
             'yield from wait_for(self.elsewhere(buffer, Usage.READ), cause="import", buffer=buffer.name)', "pass"),
        Edit(_DRAW, "*self.elsewhere(buffer, usage)", "*()"),
    ), "test_importer.test_what_another_device_is_reading_is_not_overwritten"),
    _one("a transfer reads what another device is writing", "R4", "transfer_object:Transfers._waits",
         "found += self.driver.elsewhere(buffer)", "pass",
         "test_importer.test_what_another_device_is_writing_is_waited_for"),
    _one("a move forgets what an importer wrote", "R4", "exporter:Exporter._move",
         "self._taken_back(attachment)", "pass",
         "test_importer.test_a_move_keeps_what_a_dynamic_importer_wrote_and_ends_its_mapping"),
    _one("DMA through a mapping that a move ended", "R4", "importer:ForeignImport._submit", "if not self.mapped:",
         "if not self.known:",
         "test_importer.test_a_move_keeps_what_a_dynamic_importer_wrote_and_ends_its_mapping"),
    _one("an import without room stays mapped", "R4", "importer:ForeignImport._map",
         "yield from self.dmabuf.unmap(self.attachment)", "pass",
         "test_importer.test_an_import_for_which_the_engine_has_no_room_leaves_nothing"),
    _one("a mapped buffer is never reaped", "R2", "driver:Driver.reap", "left.append(buffer)", "pass",
         "test_importer.test_a_released_buffer_that_is_still_mapped_is_freed_when_it_no_longer_is"),
    _one("an import is closed while it is mapped", "R4", "importer:ForeignImport.close",
         "yield Acquire(self._lock)\n    yield from releasing(self._close(), self._lock)", "yield from self._close()",
         "test_importer.test_an_import_that_is_closed_while_it_is_mapped_leaves_nothing"),
    _one("a readback that failed for another device is never tried again", "R4", "importer:ForeignImport._submit",
         "yield from self.dmabuf.refresh()", "pass",
         "test_importer.test_a_device_never_fetches_an_old_copy_because_a_readback_for_it_has_failed"),
    _one("a kernel store over a drawing", "R13", "exporter:KernelMap._store",
         "if not set(self._driver.policy.device_dirty(buffer)).isdisjoint(at // PAGE):", "if False:",
         "test_kernel_map.test_neither_a_kernel_store_nor_a_drawing_inside_of_its_bracket_is_lost"),
    _one("drawing overtakes what a sync file named", "R15", _DRAW, "*buffer.reservation.named(usage)", "*()",
         "test_bracket.test_what_is_submitted_stays_behind_work_of_the_other_queue_that_a_sync_file_named"),
    _one("a transfer overtakes what a sync file named", "R15", "transfer_object:Transfers._send_now",
         "*buffer.reservation.named(Usage.READ)", "*()",
         "test_bracket.test_what_is_submitted_stays_behind_work_of_the_other_queue_that_a_sync_file_named"),
    _one("damage overtakes what a sync file named", "R15", "publish:_send",
         "*buffer.reservation.named(Usage.READ)", "*()",
         "test_bracket.test_damage_stays_behind_work_that_a_sync_file_named"),
    _one("a kernel store changes what is being uploaded", "R13", "exporter:KernelMap._store", "return uploads", "pass",
         "test_kernel_map.test_a_kernel_store_waits_for_an_upload_of_the_page"),
    _one("a map brings nothing back", "R4", "exporter:Exporter.map", "yield from self._bring_back(",
         "yield from () and self._bring_back(",
         "test_importer.test_a_map_makes_the_pages_right_before_it_says_where_they_are"),
    _one("a bracket brings nothing back", "R9", "exporter:Exporter.begin", "yield from self._bring_back(",
         "yield from () and self._bring_back(",
         "test_bracket.test_begin_reads_back_before_it_waits_for_other_fences"),
    _one("a bracket that is called again for ever", "R10", "exporter:Exporter._bring_back_now",
         "0 < self._cut_off < ATTEMPTS", "0 < self._cut_off",
         "test_bracket.test_a_bracket_on_a_device_that_does_nothing_any_more_ends_with_an_error"),
    _one("a WAIT is numbered before the lock", "R19", f"{_ENGINE}._submit", "= [*waits, *body]",
         "= [*map(_wait, waits), *body]",
         "test_engine.test_a_submission_behind_work_that_is_queued_again_waits_for_its_new_number"),
    _one("a buffer that was not cleared stays", "R30", "driver:Driver._adopt",
         "yield from self.engine.release_object(buffer.object_handle)", "pass",
         "test_driver_edges.test_a_buffer_that_the_device_fails_to_make_leaves_nothing"),
    _one("a kernel map that never ends", "R13", "exporter:KernelMap._check", "if not self._buffer.vmaps:", "if False:",
         "test_kernel_map.test_a_kernel_map_ends_with_the_last_vunmap"),
    _one("an aperture page is not sent what the kernel stored", "R9", "aperture:Aperture._move",
         'after = yield from self.driver.upload(buffer, "aperture", () if readback else page, reads=page)',
         "after = []",
         "test_kernel_map.test_an_aperture_sees_what_the_kernel_stored_and_adds_to_it"),
    # ------------------------------------------------------------------------------------------- transfer objects
    _one("an upload overtakes the drawing that it covers", "R27", "transfer_object:Transfers._send_now",
         "*driver.policy.pending(buffer, pages)", "*()",
         "test_transfer_object.test_an_upload_stays_behind_the_drawing_that_it_covers"),
    _one("a discard waits although it must not block", "R27", "storage:swap_storage", "if not wait:", "if False:",
         "test_transfer_object.test_a_discard_that_must_not_block_drops_nothing_where_there_is_no_room"),
    _one("a persistent transfer sends its whole box", "R31", "transfer_object:TransferObject.to_send",
         "if self.known is not None:", "if False:",
         "test_transfer_object.test_a_persistent_transfer_sends_only_what_differs_from_what_was_fetched"),
    _one("a barrier takes later stores for sent", "R29", "transfer_object:Transfers.barrier",
         "transfer.sent(data, flushed, fence)", "transfer.sent(transfer.data.copy(), len(transfer.flushed), fence)",
         "test_transfer_object.test_what_is_stored_while_a_barrier_waits_goes_with_the_next"),
    _one("a barrier reads over later stores", "R29", "transfer_object:TransferObject.fetched",
         "where=self.data == since", "where=True",
         "test_transfer_object.test_what_is_stored_while_a_barrier_waits_goes_with_the_next"),
    _one("a barrier that was interrupted sends twice", "R10", "transfer_object:Transfers.barrier",
         "transfer.sent(data, flushed, fence)", "pass",
         "test_transfer_object.test_a_barrier_that_a_signal_ends_is_called_again_and_sends_nothing_twice"),
    _one("what a barrier could not send is forgotten", "R23", "transfer_object:TransferObject.to_send",
         "self._take_back()", "pass",
         "test_transfer_object.test_what_a_barrier_could_not_send_is_sent_by_the_next"),
    _one("differences joined with what is not below", "R31", "transfer_object:_differences",
         "above = here", "above |= here",
         "test_transfer_object.test_a_persistent_transfer_sends_only_what_differs_in_every_row"),
    _one("a slot stays locked after an error", "R23", "transfer_object:Transfers._send_now",
         "yield from releasing(steps, slot.lock)", "yield from steps",
         "test_transfer_object.test_no_slot_stays_locked_where_the_engine_refuses_an_upload"),
    _one("a transfer that failed is gone", "R23", "transfer_object:Transfers.unmap",
         "except (DriverError, DeviceError):", "except DriverError:",
         "test_transfer_object.test_a_transfer_that_the_device_would_not_take_stays_mapped"),
    _one("a transfer that was refused is gone", "R24", "transfer_object:Transfers.unmap",
         "transfer.open = True", "pass",
         "test_grab.test_a_transfer_that_has_something_to_send_stays_mapped_while_the_buffer_is_grabbed"),
    _one("a destroyed buffer is grabbed", "R24", "grab:Grabs._grab", "buffer.expect_alive()", "pass",
         "test_grab.test_a_buffer_that_was_destroyed_is_not_grabbed"),
    _one("submissions look for grabs without the lock", "R24", "driver:Driver.reserve", "if buffer.grabs:", "if False:",
         "test_grab.test_nothing_is_submitted_for_a_transfer_that_races_with_a_grab"),
)  # fmt: skip
"""Every broken driver."""
