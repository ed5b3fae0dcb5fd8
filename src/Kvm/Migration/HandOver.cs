using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// The source's half of a hand-over (<c>migration_completion</c>, migration/migration.c, and the fencing of libvirt and the cluster). The
/// vCPUs stop, the final dirty set is checked, and the device state goes to the destination. If the destination does not answer that it
/// runs the VM, the source claims the VM from the inventory. Keeps M2: the guest runs again here only if the destination was never asked,
/// or under an epoch that the inventory granted after that.
/// </summary>
internal sealed class HandOver(
    Vm vm, IStreamPort stream, IMigrationDestination destination, IVmInventory inventory, IHostOwnership ownership, MigrationSetup setup,
    RamState ram, MigrationRecord record)
{
    /// <summary>How long the source offers the VM to a destination that owns it and does not answer, at least.</summary>
    private const long OfferLimitMicroseconds = 10_000_000;

    private const long FirstOfferPauseMicroseconds = 10_000;
    private const long OfferPauseMaxMicroseconds = 1_000_000;

    private Tracked<long> _epoch = new(vm.World, setup.Epoch);
    private Tracked<IReadOnlyList<VcpuState>?> _savedEarly = new(vm.World);

    /// <summary>Every vCPU has left KVM_RUN when it returns, and discards are refused.</summary>
    public async ValueTask StopVcpusAsync(Operation op)
    {
        await vm.VcpuMutex.DownWriteAsync(op);
        if (vm.Options.Mutant == Mutant.StateSavedBeforePause) _savedEarly.Value = await VcpuStatesAsync(op);
        foreach (var vcpu in vm.Vcpus) await vcpu.PauseAsync(op);
        await stream.FreezeAsync(op, frozen: true);
        record.RecordStop();
        vm.World.Observer.GuestRuns(setup.Vm, setup.Source, _epoch.Value, runs: false);
    }

    /// <summary>The source still (or again) owns the VM, and the vCPUs run on.</summary>
    public async ValueTask ResumeVcpusAsync(Operation op)
    {
        if (vm.Options.Mutant == Mutant.NotResumedAfterHandOver && _epoch.Value > setup.Epoch) return;
        await stream.FreezeAsync(op, frozen: false);
        vm.World.Observer.GuestRuns(setup.Vm, setup.Source, _epoch.Value, runs: true);
        var epoch = vm.Options.Mutant == Mutant.ResumesUnderOldEpoch ? setup.Epoch : _epoch.Value;
        foreach (var vcpu in vm.Vcpus) await vcpu.ResumeAsync(op, epoch);
        record.RecordResume();
    }

    /// <summary>S6 as a migration sees it: each page that differs from its last sent copy is in the final dirty set.</summary>
    public async ValueTask CheckFinalSetAsync(Operation op)
    {
        using var check = record.Check();
        foreach (var block in ram.Blocks)
        {
            vm.Counters.ChecksEvaluated++;
            var changed = await vm.Host.ChangedSinceCopyAsync(op, block.Dirty.Clone());
            if (changed.Count > 0)
                vm.Violated(
                    Invariants.NoLostDirtyPage,
                    $"{changed.Count} pages of {setup.Vm} differ from the copy last sent and are not in the final dirty set, "
                        + $"the first at {changed[0]}",
                    hva: changed[0], operations: op.Id);
        }
    }

    /// <summary>Compares memory (M1). The destination has not been asked to run the VM yet, so the source owns it whatever the
    /// result.</summary>
    public async ValueTask<StreamStatus> CompareAsync(Operation op, bool toPostcopy)
    {
        using var check = record.Check();
        var stale = DiscardOf(toPostcopy);
        for (var i = 0; i < ram.Blocks.Length; i++)
        {
            var block = ram.Blocks[i].Range;
            for (var start = block.Start; start < block.End; start += MemoryImage.PagesMax)
            {
                var pages = new HvaRange(start, Math.Min(MemoryImage.PagesMax, block.End - start));
                var staleHere = stale.Length == 0 ? new PageSet(pages) : stale[i].Slice(pages);
                var image = new MemoryImage(pages, await stream.ImageAsync(op, pages), await stream.SaveOracleAsync(op, pages), staleHere);
                if (await destination.CompareAsync(op, image) is var compared and not StreamStatus.Ok) return compared;
            }
        }

        return StreamStatus.Ok;
    }

    /// <summary>Asks the destination to take the VM over, with all state but pages. From here on only the inventory can give it
    /// back.</summary>
    public async ValueTask<MigrationOwner> OfferAsync(Operation op, bool toPostcopy)
    {
        var state = await StateAsync(op, DiscardOf(toPostcopy));
        record.RecordPart(DowntimePart.State);
        record.RecordDeviceStateSent();
        var answer = await destination.TakeOverAsync(op, state);
        if (answer == StreamStatus.Ok)
        {
            record.RecordHandOver(_epoch.Value + 1, isAnswered: true);
            return MigrationOwner.Destination;
        }

        record.Reason = $"the destination did not take over: {answer}";
        vm.World.Reached(ReachedCase.HandOverUnanswered);
        return await ReclaimAsync(op, state);
    }

    /// <summary>The destination has not answered that it runs, but it may run. Only the inventory knows the owner. While the destination
    /// owns the VM it is asked again, because its grant may be void: the inventory may have been replaced. Until a host is known to run the
    /// VM, this host must keep its own record. Otherwise the next inventory would not know the VM.</summary>
    private async ValueTask<MigrationOwner> ReclaimAsync(Operation op, DeviceState state)
    {
        if (vm.Options.Mutant == Mutant.BothRunAfterFailedHandOver) return MigrationOwner.Source;
        if (vm.Options.Mutant == Mutant.SourceResumesWithoutClaim
            && await inventory.FindAsync(op, setup.Vm) is { Status: OwnershipStatus.Granted } owner && owner.Host == ownership.Host)
            return MigrationOwner.Source;
        var until = vm.World.NowMicroseconds + OfferLimitMicroseconds;
        var (pause, isLast) = (FirstOfferPauseMicroseconds, false);
        while (true)
        {
            var claimed = await OwnershipClaim.MakeAsync(
                vm.World, inventory, ownership, op, setup.Vm, _epoch.Value, mutant: vm.Options.Mutant);
            if (claimed is not { Status: OwnershipStatus.Refused, Epoch: > 0 }) return OwnerAfter(claimed);
            if (isLast)
            {
                record.RecordHandOver(EpochOf(claimed), isAnswered: false);
                return MigrationOwner.Destination;
            }

            var offered = await destination.TakeOverAsync(op, state);
            if (offered == StreamStatus.Ok)
            {
                record.RecordHandOver(EpochOf(claimed), isAnswered: true);
                return MigrationOwner.Destination;
            }

            // A destination that refuses does not run the VM, and never will.
            isLast = offered != StreamStatus.Lost || vm.World.NowMicroseconds >= until
                || vm.Options.Mutant == Mutant.SourceLetsGoUnanswered;
            if (isLast) continue;
            vm.World.Reached(ReachedCase.OfferedAgain);
            await vm.World.DelayAsync(pause);
            pause = Math.Min(2 * pause, OfferPauseMaxMicroseconds);
        }
    }

    /// <summary>The epoch of this hand-over, of which the inventory may have granted the next already: the VM has moved on.</summary>
    private long EpochOf(in Ownership refused) =>
        VmEpoch.Follows(refused.Epoch, _epoch.Value) ? refused.Epoch : VmEpoch.Next(_epoch.Value, generation: 0);

    /// <summary>The owner after a claim of the source's that has not lost to the destination's.</summary>
    private MigrationOwner OwnerAfter(in Ownership claimed)
    {
        if (claimed.Status == OwnershipStatus.Granted)
        {
            _epoch.Value = claimed.Epoch;
            record.RecordKept(_epoch.Value);
            vm.World.Reached(ReachedCase.HandOverKept);
            return MigrationOwner.Source;
        }

        // Neither side may run it: no owner is better than two.
        record.Reason =
            $"{record.Reason}; the inventory {(claimed.Status == OwnershipStatus.Lost ? "did not answer" : "does not know the VM")}, "
                + $"so its owner is unknown";
        return MigrationOwner.Unknown;
    }

    /// <summary>Pages of each RAM block of which the destination lacks the newest copy; nothing for pre-copy.</summary>
    private PageSet[] DiscardOf(bool toPostcopy) => toPostcopy ? [.. ram.Blocks.Select(block => block.Dirty.Clone())] : [];

    private async ValueTask<DeviceState> StateAsync(Operation op, PageSet[] discard)
    {
        var vcpus = _savedEarly.Value ?? await VcpuStatesAsync(op);
        if (vm.Options.Mutant == Mutant.VcpuStateLosesAccess) vcpus = [.. vcpus.Select(WithoutPending)];
        var sent = vm.Options.Mutant == Mutant.HandOverDropsReadOnly ? MemslotFlags.None : ~MemslotFlags.LogDirtyPages;
        var memslots = vm.Memslots.Active.Slots.Where(slot => slot.Id < MemslotUpdater.FirstPrivateId).OrderBy(slot => slot.Id)
            .Select(slot => new MemslotChange(slot.Id, slot.BaseGfn, slot.Pages, slot.BaseHva, slot.Flags & sent));
        return new DeviceState([.. memslots], vcpus, discard);
    }

    private async ValueTask<IReadOnlyList<VcpuState>> VcpuStatesAsync(Operation op)
    {
        var vcpus = new List<VcpuState>();
        foreach (var vcpu in vm.Vcpus) vcpus.Add(await vcpu.SaveAsync(op));
        return vcpus;
    }

    private static VcpuState WithoutPending(VcpuState state) => state with { Pending = [] };
}

/// <summary>The owner of a VM at the end of a hand-over.</summary>
internal enum MigrationOwner : byte
{
    Source,
    Destination,

    /// <summary>Unknown whether the destination has it, so the source does not run it.</summary>
    Unknown,
}
