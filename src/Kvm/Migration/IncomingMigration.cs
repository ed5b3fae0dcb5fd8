using System.Collections.Immutable;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// The destination's user space (<c>process_incoming_migration_co</c>, migration/migration.c): it makes the process and lets its host
/// accept pages. When the source has stopped, it compares memory page by page, loads the VM, claims it and lets it run, in this order. So
/// no VM runs before its memory was compared. In post-copy it runs with pages missing, and a fault on a missing page requests it from the
/// source. <see cref="SourceGoneAsync"/> decides what happens when the source dies; the world detects the death.
/// </summary>
/// <param name="world">the world it runs in</param>
/// <param name="name">the destination's VM, for witnesses</param>
/// <param name="stream">its host</param>
/// <param name="vm">the VM that is being made</param>
/// <param name="inventory">the inventory, which decides the owner of the VM</param>
/// <param name="ownership">its host's record of the VMs that it owns</param>
/// <param name="source">requests to the source</param>
/// <param name="mutant">the defect to have, or null</param>
public sealed class IncomingMigration(
    IWorld world, string name, IStreamPort stream, IIncomingVm vm, IVmInventory inventory, IHostOwnership ownership,
    IMigrationReturnPath source, Mutant? mutant = null)
    : IMigrationDestination, IUserFaultHandler
{
    private const long PollMicroseconds = 1_000;

    // QEMU's page_requested. A page that has arrived stays until the next recovery, so there are never more than the guest has pages.
    private Tracked<ImmutableSortedSet<Hva>> _requested = new(world, []);
    private Tracked<State> _state = new(world, new State
    {
        Blocktime = PostcopyBlocktime.None,
        Reason = "",
        Compared = ImmutableDictionary<Hva, StreamStatus?>.Empty,
    });

    private enum Stage : byte
    {
        Nothing,
        Preparing,
        Prepared,
        TakingOver,
        Runs,
        Complete,
        Abandoned,
        Lost,
    }

    /// <summary>As the destination's <c>query-migrate</c> has it (<c>fill_destination_migration_info</c>).</summary>
    public MigrationInfo Info => new()
    {
        Status = Status,
        Reason = Reason,
        Epoch = _state.Value.Epoch,
        PostcopyBlocktime = _state.Value.Blocktime,
    };

    /// <summary>Why it failed; empty otherwise.</summary>
    public string Reason => _state.Value.Reason;

    /// <summary>It waits for the source: for pages, or for the request to take over.</summary>
    public bool NeedsSource => _state.Value.Stage is Stage.Preparing or Stage.Prepared or Stage.TakingOver or Stage.Runs;

    /// <summary>The VM runs here, with or without all of its pages.</summary>
    public bool Runs => _state.Value.Stage is Stage.Runs or Stage.Complete;

    /// <summary>The VM ran here, and never will again: its source went with pages that it lacked.</summary>
    public bool IsGuestLost => _state.Value.Stage == Stage.Lost;

    private MigrationStatus Status => _state.Value.Stage switch
    {
        Stage.Nothing => MigrationStatus.None,
        Stage.Preparing => MigrationStatus.Setup,
        Stage.Prepared => MigrationStatus.Active,
        Stage.TakingOver => MigrationStatus.Device,
        Stage.Runs => MigrationStatus.PostcopyActive,
        Stage.Complete => MigrationStatus.Completed,
        _ => MigrationStatus.Failed,
    };

    /// <summary>To be looked at and changed, in one step.</summary>
    private ref State Now => ref _state.Changing;

    /// <inheritdoc/>
    public async ValueTask<StreamStatus> PrepareAsync(Operation op, MigrationSetup setup)
    {
        if (Now.Setup is { } known && known.Stream == setup.Stream) return await PreparedAsync();
        if (Now.Stage != Stage.Nothing || setup.Destination != ownership.Host) return StreamStatus.Refused;
        (Now.Setup, Now.Stage) = (setup, Stage.Preparing);
        var made = await vm.TryCreateProcessAsync(op);
        Now.Made = made;
        if (made == StreamStatus.Ok) await stream.BeginIncomingAsync(op, setup.Stream, setup.Epoch);
        if ((made == StreamStatus.Ok || mutant == Mutant.FullHostPrepares) && Now.Stage == Stage.Preparing)
        {
            Now.Stage = Stage.Prepared;
            return StreamStatus.Ok;
        }

        await DropAsync(op, setup);
        return NotPrepared;
    }

    /// <inheritdoc/>
    public async ValueTask<StreamStatus> CompareAsync(Operation op, MemoryImage image)
    {
        var piece = image.Pages.Start;
        if (Now.Compared.ContainsKey(piece) && mutant != Mutant.RepeatedCompareCounts) return await ComparedAsync(piece);
        if (Now.Stage != Stage.Prepared || Now.Setup is not { } setup) return StreamStatus.Refused;
        Now.Compared = Now.Compared.SetItem(piece, null);
        var status = await CompareAsync(op, setup, image);
        Now.Compared = Now.Compared.SetItem(piece, status);
        return status;
    }

    /// <inheritdoc/>
    public async ValueTask<StreamStatus> TakeOverAsync(Operation op, DeviceState state)
    {
        // The source repeats a request that had no answer: the result of the first one is the answer.
        while (_state.Value.Stage == Stage.TakingOver) await world.DelayAsync(PollMicroseconds);
        if (Now.Stage is Stage.Runs or Stage.Complete) return StreamStatus.Ok;
        if (Now.Stage != Stage.Prepared || Now.Setup is not { } setup || Now.PagesCompared != setup.Blocks.Sum(block => block.Pages))
            return StreamStatus.Refused;
        Now.Stage = Stage.TakingOver;
        if (state.IsPostcopy)
            await stream.EnterPostcopyAsync(op, setup.Stream, state.Discard, this, state.Vcpus.Count);
        else
            await stream.EndIncomingAsync(op, setup.Stream);
        await vm.LoadAsync(op, state);

        // A claim without an answer may have been granted. Then the source will not run the VM again, and all that is left of it is here.
        var answer = await OwnershipClaim.MakeAsync(
            world, inventory, ownership, op, setup.Vm, setup.Epoch,
            () => vm.IsWanted && mutant != Mutant.DestinationGivesClaimUp,
            mutant == Mutant.DestroyGivesClaimUp ? mutant : null);
        if (answer.Status != OwnershipStatus.Granted) return await DropAsync(op, setup);
        (Now.Stage, Now.Epoch) = (state.IsPostcopy ? Stage.Runs : Stage.Complete, answer.Epoch);
        world.Observer.GuestRuns(setup.Vm, setup.Destination, answer.Epoch, runs: true);
        await vm.RunAsync(op, answer.Epoch);
        return StreamStatus.Ok;
    }

    /// <inheritdoc/>
    public async ValueTask<FinishResult> FinishAsync(Operation op)
    {
        if (Now.Stage == Stage.Complete) return await FinishedAsync();
        if (Now.Stage != Stage.Runs) return FinishResult.Refused;
        var missing = (await MissingAsync(op)).Sum(pages => pages.Count);
        if (missing > 0) return FinishResult.Refused with { MissingPages = missing };
        if (Now.Stage == Stage.Lost && mutant != Mutant.FinishesLostGuest) return FinishResult.Refused;
        if (Now.Stage != Stage.Complete) await EndAsync(op);
        return await FinishedAsync();
    }

    /// <summary>The host reports once how long vCPUs waited.</summary>
    private async ValueTask EndAsync(Operation op)
    {
        (Now.Stage, Now.IsEnding) = (Stage.Complete, true);
        try
        {
            var blocktime = await stream.EndIncomingAsync(op, Now.Setup!.Stream);
            Now.Blocktime = blocktime;
        }
        finally
        {
            Now.IsEnding = false;
        }
    }

    /// <summary>A caller that asks while the host reports, or again, waits for that report.</summary>
    private async ValueTask<FinishResult> FinishedAsync()
    {
        while (_state.Value.IsEnding) await world.DelayAsync(PollMicroseconds);
        return new FinishResult(StreamStatus.Ok, _state.Value.Blocktime);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<PageSet>?> RecoverAsync(Operation op)
    {
        return Now.Stage is Stage.Runs or Stage.Complete ? await MissingAsync(op) : null;
    }

    /// <summary><c>loadvm_postcopy_handle_resume</c>, <c>migrate_send_rp_req_pages_pending</c> (migration/savevm.c): repeats a request that
    /// the broken link lost, or that came while it was broken. Otherwise the vCPU would wait until the background push comes to its
    /// page.</summary>
    public async ValueTask<StreamStatus> ResumeAsync(Operation op)
    {
        if (Now.Stage is not (Stage.Runs or Stage.Complete)) return StreamStatus.Refused;
        var missing = await MissingAsync(op);
        var requested = _requested.Value;
        _requested.Value = requested.Except(
            requested.Where(hva => !missing.Exists(pages => pages.Range.Contains(hva) && pages.Contains(hva))));
        foreach (var hva in _requested.Value)
            if (await source.RequestPageAsync(op, hva) is not StreamStatus.Ok and var status)
                return status;
        return StreamStatus.Ok;
    }

    /// <inheritdoc/>
    public async ValueTask<StreamStatus> AbandonAsync(Operation op)
    {
        if (Now.Stage is Stage.Runs or Stage.Complete or Stage.Lost) return StreamStatus.Refused;

        // A take-over that is under way finds the VM claimed by the source, and drops it itself. A preparation under way sees the stage and
        // does the same.
        if (Now.Stage == Stage.Preparing) world.Reached(ReachedCase.AbandonedWhilePreparing);
        if (Now.Stage == Stage.Prepared) await DropAsync(op, Now.Setup!);
        else if (Now.Stage == Stage.Preparing && mutant != Mutant.AbandonForgotten) Now.Stage = Stage.Abandoned;
        return StreamStatus.Ok;
    }

    /// <summary>
    /// The source is gone for good, or has given up in post-copy, and sends no page any more. A VM that does not run here never will. A VM
    /// with all of its pages runs on. A VM that lacks pages is reported as lost and destroyed. A take-over that is under way ends first:
    /// call again.
    /// </summary>
    public async ValueTask SourceGoneAsync(Operation op)
    {
        if (Now.Stage is Stage.Preparing or Stage.Prepared)
        {
            Now.Reason = "the source is gone";
            await AbandonAsync(op);
            return;
        }

        if (Now.Stage != Stage.Runs || (await FinishAsync(op)).Status == StreamStatus.Ok) return;
        if (Now.Stage != Stage.Runs && mutant != Mutant.LosesWholeGuest) return;
        Now.Stage = Stage.Lost;
        Now.Reason = "the source is gone in post-copy, with pages that are nowhere else: the guest is lost";
        world.Observer.GuestRuns(Now.Setup!.Vm, Now.Setup.Destination, Now.Epoch, runs: false);
        var blocktime = await stream.EndIncomingAsync(op, Now.Setup.Stream);
        Now.Blocktime = blocktime;
        await vm.DropAsync(op);
        await OwnershipRemoval.MakeAsync(world, inventory, ownership, op, Now.Setup.Vm, Now.Epoch);
    }

    /// <inheritdoc/>
    public async ValueTask PageMissingAsync(Operation op, Hva hva)
    {
        _requested.Value = _requested.Value.Add(hva);
        await source.RequestPageAsync(op, hva);
    }

    private async ValueTask<StreamStatus> DropAsync(Operation op, MigrationSetup setup)
    {
        Now.Stage = Stage.Abandoned;
        await stream.EndIncomingAsync(op, setup.Stream);
        await vm.DropAsync(op);
        return StreamStatus.Refused;
    }

    private async ValueTask<List<PageSet>> MissingAsync(Operation op)
    {
        var missing = new List<PageSet>();
        foreach (var block in Now.Setup!.Blocks) missing.Add(await stream.MissingAsync(op, block));
        return missing;
    }

    /// <summary>The answer to a repeated request is that of the first. Made again, the comparison would count twice, and load the oracle
    /// under a guest that has begun to write.</summary>
    private async ValueTask<StreamStatus> ComparedAsync(Hva piece)
    {
        while (Now.Compared[piece] is null) await world.DelayAsync(PollMicroseconds);
        return Now.Compared[piece]!.Value;
    }

    private async ValueTask<StreamStatus> CompareAsync(Operation op, MigrationSetup setup, MemoryImage image)
    {
        var here = await stream.ImageAsync(op, image.Pages);

        // Given up meanwhile: memory that is being dropped has no owner any more.
        if (Now.Stage != Stage.Prepared) return StreamStatus.Refused;
        Compare(op, setup, image, here);

        // The oracle forgets what is discarded from here on.
        await stream.LoadOracleAsync(op, image.Pages, image.Newest);
        Now.PagesCompared += image.Pages.Pages;
        return StreamStatus.Ok;
    }

    /// <summary>The answer to a repeated request is that of the first.</summary>
    private async ValueTask<StreamStatus> PreparedAsync()
    {
        while (_state.Value.Stage == Stage.Preparing) await world.DelayAsync(PollMicroseconds);
        return _state.Value.Stage is Stage.Abandoned or Stage.Lost ? NotPrepared : StreamStatus.Ok;
    }

    private StreamStatus NotPrepared => _state.Value.Made == StreamStatus.NoMemory ? StreamStatus.NoMemory : StreamStatus.Refused;

    /// <summary>Every page here must equal the source's page at its stop; in post-copy, every page that will not be discarded.</summary>
    private void Compare(Operation op, MigrationSetup setup, MemoryImage image, ulong[] here)
    {
        var differing = new List<Hva>();
        for (var page = 0; page < here.Length; page++)
            if (!image.Stale.Contains(page) && here[page] != image.Checksums[page])
                differing.Add(image.Pages.Start + page);

        if (differing.Count > 0)
            world.Observer.Violated(new Violation(
                Invariants.SameMemory,
                $"{differing.Count} pages of {setup.Vm} at {setup.Destination} differ from the source's at switchover, "
                    + $"the first at {differing[0]}",
                name, Hva: differing[0], Operations: [op.Id]));
    }

    private struct State
    {
        public Stage Stage;
        public MigrationSetup? Setup;
        public StreamStatus Made;
        public long PagesCompared;

        // By the first page of each piece; null while it is under way.
        public ImmutableDictionary<Hva, StreamStatus?> Compared;
        public long Epoch;
        public bool IsEnding;
        public PostcopyBlocktime Blocktime;
        public string Reason;
    }
}

/// <summary>The destination's VM while it is being made; each world makes VMs in its own way.</summary>
public interface IIncomingVm
{
    /// <summary>User space has not destroyed it.</summary>
    bool IsWanted { get; }

    /// <summary>The process and its areas; no VM yet.</summary>
    /// <returns>refused when its host is not there; no memory when that is full</returns>
    ValueTask<StreamStatus> TryCreateProcessAsync(Operation op);

    /// <summary><c>KVM_CREATE_VM</c>, memslots and vCPUs as the state says; nothing runs yet.</summary>
    ValueTask LoadAsync(Operation op, DeviceState state);

    /// <summary>The vCPUs enter the guest.</summary>
    ValueTask RunAsync(Operation op, long epoch);

    /// <summary>Destroys the process and the VM.</summary>
    ValueTask DropAsync(Operation op);
}
