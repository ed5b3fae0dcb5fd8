using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.DirtyLog;

/// <summary>
/// User space's side of dirty logging, as QEMU's RAM migration does it: enable, copy everything, then rounds of sync (get, or reap), clear
/// and copy. It also checks S6: with every vCPU out of KVM_RUN, each page that was written since its last copy is in the final dirty set.
/// It keeps QEMU's rules: clear a page before reading it; read a ring's pages after the reset; make the final sync after the vCPUs have
/// left and the devices stand still. A memslot that moves keeps its log. One that is deleted, or does not log for a time, loses its dirty
/// bits (kvm-protocol 5, Q1), and a dying VM's memslot cannot be asked. Such a slot leaves the session, and the check does not cover it.
/// </summary>
public sealed class DirtyLogSession
{
    private readonly Vm _vm;
    private readonly IDevices? _devices;
    private readonly TrackedList<LoggedSlot> _slots;

    /// <param name="vm">the VM</param>
    /// <param name="devices">its devices; null for none</param>
    public DirtyLogSession(Vm vm, IDevices? devices = null) =>
        (_vm, _devices, _slots) = (vm, devices, new TrackedList<LoggedSlot>(vm.LogState));

    public bool IsEnabled => _slots.Count > 0;

    /// <summary>Switches logging on for the given memslots and copies all their pages: the first round.</summary>
    /// <returns>false when it was on already, or the VM is dying</returns>
    public async ValueTask<bool> EnableAsync(Operation op, IReadOnlyList<int> slotIds)
    {
        await _vm.Bql.AcquireAsync(op);
        var enabled = !IsEnabled;
        if (enabled) _devices?.Log.Stop();
        foreach (var id in enabled ? slotIds : [])
        {
            if (await _vm.MemslotUpdates.SetLoggingAsync(op, id, logs: true) is not { } slot) continue;
            _devices?.Log.Start(slot.Hvas);
            _slots.Add(new LoggedSlot(slot, new TrackedPageSet(new PlaceTable(_vm.LogState), slot.Hvas)));
            await _vm.Host.CopyPagesAsync(op, PageSet.All(slot.Hvas));
        }

        _vm.Bql.Release(op);
        return enabled && IsEnabled;
    }

    public async ValueTask DisableAsync(Operation op)
    {
        await _vm.Bql.AcquireAsync(op);
        foreach (var logged in _slots) await _vm.MemslotUpdates.SetLoggingAsync(op, logged.Slot.Id, logs: false);
        _slots.Clear();
        _devices?.Log.Stop();
        _vm.Bql.Release(op);
    }

    /// <summary>One round: sync, clear, copy what was dirty.</summary>
    /// <returns>pages copied; -1 when logging is off</returns>
    public async ValueTask<long> RoundAsync(Operation op)
    {
        await _vm.Bql.AcquireAsync(op);
        long copied = IsEnabled ? 0 : -1;
        if (IsEnabled) await SyncAsync(op, isFinal: false);
        foreach (var logged in _slots) copied += await CopyDirtyAsync(op, logged);
        _vm.Bql.Release(op);
        return copied;
    }

    /// <summary>
    /// The final sync of a switchover, and then the vCPUs run on: pause all, sync, and let the host compare. Pages that it finds changed
    /// are lost writes.
    /// </summary>
    /// <returns>pages compared; -1 when logging is off</returns>
    public async ValueTask<long> VerifyAsync(Operation op)
    {
        await _vm.Bql.AcquireAsync(op);
        long compared = -1;
        if (IsEnabled)
        {
            var syncsLast = _vm.Options.Mutant != Mutant.FinalSyncBeforeVcpusLeft;
            if (!syncsLast) await SyncAsync(op, isFinal: true);
            await _vm.VcpuMutex.DownWriteAsync(op);
            foreach (var vcpu in _vm.Vcpus) await vcpu.PauseAsync(op);
            if (_devices is not null && _vm.Options.Mutant != Mutant.DeviceWritesAfterFinalSync) await _devices.StopAsync(op);
            if (syncsLast) await SyncAsync(op, isFinal: true);
            compared = 0;
            foreach (var logged in _slots) compared += await CompareAsync(op, logged);
            _devices?.Resume();
            foreach (var vcpu in _vm.Vcpus) await vcpu.ResumeAsync(op);
            _vm.VcpuMutex.UpWrite(op);
            _vm.Counters.DirtyLogVerifications++;
        }

        _vm.Bql.Release(op);
        return compared;
    }

    /// <summary>KVM_EXIT_DIRTY_RING_FULL: the vCPU's thread reaps, without the BQL, which a pausing main loop may hold.</summary>
    public async ValueTask ReapAsync(Operation op) => await _vm.DirtyRings.ReapAsync(op, MarkHarvested);

    /// <summary>Has KVM write to guest memory without a vCPU. An ioctl of user space's own, so it never runs beside its final
    /// sync.</summary>
    public async ValueTask<bool> SaveTablesAsync(Operation op, Gfn gfn, ulong value)
    {
        await _vm.Bql.AcquireAsync(op);
        var written = await _vm.SoftwareWriter.WriteWithoutVcpuAsync(op, gfn, value);
        _vm.Bql.Release(op);
        return written;
    }

    private async ValueTask SyncAsync(Operation op, bool isFinal)
    {
        if (!isFinal) _vm.Counters.DirtyLogGets++;
        var hasRings = _vm.Options.DirtyLog == DirtyLogMode.Ring;
        if (hasRings && await _vm.DirtyRings.ReapAsync(op, MarkHarvested) < 0) _slots.Clear();

        // Beside rings, a bitmap has only what was written without a vCPU: collected at the end, as QEMU does.
        foreach (var logged in !hasRings || (isFinal && _vm.Options.UsesDirtyBitmap) ? _slots.ToArray() : [])
        {
            var reported = new PageSet(logged.Slot.Hvas);
            var result = await _vm.DirtyLog.GetAsync(op, logged.Slot.Id, reported);
            if (!result.IsOk) _slots.RemoveAll(other => ReferenceEquals(other, logged));
            logged.Dirty.UnionWith(reported);
        }

        foreach (var logged in _slots)
            if (_devices is not null && logged.Dirty.UnionWith(_devices.Log.Take(logged.Slot.Hvas)) > 0)
                _vm.World.Reached(ReachedCase.DeviceDirtiedPage);

        // Checked after the sync: a slot that was replaced before the sync took unread bits with it.
        _slots.RemoveAll(logged => _vm.Memslots.Active.ById(logged.Slot.Id)?.ContinuesLogOf(logged.Slot) != true);
    }

    private async ValueTask<long> CopyDirtyAsync(Operation op, LoggedSlot logged)
    {
        // Taken in one step: what is marked from here on belongs to the next round.
        var pages = logged.Dirty.Take(logged.Dirty.Range);
        if (pages.IsEmpty) return 0;
        if (_vm.Options.Mutant == Mutant.CopyBeforeClear) await _vm.Host.CopyPagesAsync(op, pages);
        if (_vm.Options.DirtyLog is DirtyLogMode.Manual or DirtyLogMode.InitiallySet)
            await _vm.DirtyLog.ClearAsync(op, logged.Slot.Id, pages);
        if (_vm.Options.Mutant != Mutant.CopyBeforeClear) await _vm.Host.CopyPagesAsync(op, pages);
        return pages.Count;
    }

    private async ValueTask<long> CompareAsync(Operation op, LoggedSlot logged)
    {
        _vm.Counters.ChecksEvaluated++;
        var slot = logged.Slot;
        var changed = await _vm.Host.ChangedSinceCopyAsync(op, logged.Dirty.Clone());
        if (changed.Count > 0)
            _vm.Violated(
                Invariants.NoLostDirtyPage,
                $"{changed.Count} pages of memslot {slot.Id} were written since their last copy and are not in the final dirty set, "
                    + $"the first at {changed[0]}",
                slot.BaseGfn + (changed[0] - slot.BaseHva), changed[0], operations: op.Id);
        return slot.Pages;
    }

    /// <summary>An entry of a dirty ring, harvested and reset. One of a memslot that has replaced the session's, under the same id, may lie
    /// behind its end.</summary>
    internal void MarkHarvested(int slotId, long page)
    {
        foreach (var logged in _slots)
            if (logged.Slot.Id == slotId && page < logged.Slot.Pages)
                logged.Dirty.Add(page);
    }

    /// <summary>QEMU's RAMBlock: the memslot as it was when logging began, and its pages that are known dirty and not yet copied.</summary>
    private sealed record LoggedSlot(Memslot Slot, TrackedPageSet Dirty);
}
