using Livebed.Driver.Campaigns;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Migration;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running.Operations;

/// <summary>
/// Live migrations, as <c>virsh migrate</c> orders them: a VM goes to another host during all other load. A share of the migrations is
/// cancelled at a random moment, and a post-copy with a broken link is recovered. The fleet follows a VM to its new host; a VM that is lost
/// in post-copy is re-created.
/// </summary>
internal sealed class MigrationLoad(
    Campaign campaign, Fleet fleet, ReportLedger reports, Supervisor supervisor, MigrationLedger ledger,
    OperationIds ids) : IOperationSource
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan StartInterval = TimeSpan.FromMilliseconds(20);

    private const int OwnerAttempts = 50;

    private readonly TaskCompletionSource _ending = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _allOver = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _prepared;
    private int _over;

    public string Name => OperationKind.Migration.Name;
    public double Rate => campaign.Migrations.Rate;
    public int InFlightMax => campaign.Migrations.InFlight;

    public bool IsDone => campaign.Migrations.Count > 0 && _prepared >= campaign.Migrations.Count;

    /// <summary>When the campaign asks for so many migrations: they are over.</summary>
    public Task AllOver => _allOver.Task;

    public PreparedOperation? Prepare(SeededRandom random)
    {
        if (fleet.BeginMove(random) is not { } move) return null;
        _prepared++;
        TimeSpan? cancelAfter = random.Chance(campaign.Migrations.CancelShare)
            ? campaign.Migrations.CancelWithin * random.NextDouble()
            : null;
        return new PreparedOperation(OperationKind.Migration, op => RunAsync(move, cancelAfter, op), () => EndMove(move))
        {
            Subject = new(move.Slot.Index),
        };
    }

    /// <summary>A migration away from a host whose silo is asked to end, beside those of the campaign.</summary>
    /// <returns>null when no such VM can go now</returns>
    public PreparedOperation? PrepareEvacuation(SeededRandom random, Func<VmSlot, bool> hasToGo) =>
        fleet.BeginMove(random, hasToGo) is { } move
            ? new PreparedOperation(
                OperationKind.Migration, op => RunAsync(move, cancelAfter: null, op, startsAtOnce: true), () => fleet.EndMove(move))
            {
                Subject = new(move.Slot.Index),
            }
            : null;

    /// <summary>The run ends: what still migrates is cancelled, as far as that is possible.</summary>
    public void CancelAll() => _ending.TrySetResult();

    private void EndMove(VmMove move)
    {
        fleet.EndMove(move);
        if (Interlocked.Increment(ref _over) == campaign.Migrations.Count) _allOver.TrySetResult();
    }

    private async Task<OperationResult> RunAsync(
        VmMove move, TimeSpan? cancelAfter, OperationMessage op, bool startsAtOnce = false)
    {
        ledger.Began(move);
        try
        {
            return await RunToEndAsync(move, cancelAfter, op, startsAtOnce);
        }
        catch (SiloKilledException) when (fleet.HasSourceDied(move))
        {
            return await FindAsync(move);
        }
        finally
        {
            ledger.Gone(move);
        }
    }

    private async Task<OperationResult> RunToEndAsync(VmMove move, TimeSpan? cancelAfter, OperationMessage op, bool startsAtOnce)
    {
        var program = startsAtOnce ? 0 : await ReachStartAsync(move);
        if (_ending.Task.IsCompleted)
            return OperationResult.Of(false, $"{move.SourceKey}: the run was over before the guest had run for so long");
        ledger.Ordered(move);
        var moving = move.From.MigrateAsync(op, move.Request).AsTask();
        var wasAsked = await WatchAsync(move, moving, cancelAfter);
        var outcome = await moving;
        foreach (var report in outcome.LastReports)
        {
            supervisor.Take(report);
            reports.Retire(report);
        }

        var hasDied = fleet.HasDestinationDied(move);
        if (hasDied && (outcome.Info.Status == MigrationStatus.Completed || outcome.Info.IsGuestLost)) supervisor.GuestLost(move);
        else supervisor.MigrationEnded(move, outcome.Info);
        var ended = new EndedMigration(move, outcome.Info, wasAsked && outcome.Info.Status == MigrationStatus.Cancelled, program);
        if (outcome.Info.Status == MigrationStatus.Completed) fleet.Follow(move);
        else if (outcome.Info.IsGuestLost) await ReplaceAsync(move);
        else if (outcome.Info.Steps.Any(step => step.Status == MigrationStatus.Device)) await ObserveDestinationAsync(move);

        // It had gone over, and died there before the migration was over.
        if (hasDied && move.HasFollowed && !move.Slot.IsLost) fleet.Lose(move.Slot, move.Destination);
        ledger.Ended(ended);
        return OperationResult.Of(outcome.Info.Status == MigrationStatus.Completed, ended.ToString());
    }

    /// <summary>The source's host died under the migration. The inventory says whether the VM had gone over; in post-copy it had, and pages
    /// were left behind.</summary>
    private async Task<OperationResult> FindAsync(VmMove move)
    {
        var owner = await OwnerOfAsync(move.Request.Setup.Vm);
        var isWhole = owner.Host == move.Request.Setup.Destination && !move.HasFollowed && !fleet.HasDestinationDied(move);
        if (isWhole)
        {
            fleet.Follow(move);
            return new OperationResult(
                Runs.HistoryType.Info, $"{move.SourceKey} to {move.Key}: the source died, and the VM had gone over");
        }

        supervisor.GuestLost(move);
        await DestroyAsync(move.To);
        fleet.Lose(move.Slot, move.Source);
        return new OperationResult(Runs.HistoryType.Info, $"{move.SourceKey} to {move.Key}: the VM was lost with the source");
    }

    /// <summary>An inventory that was lost too is made again from what the hosts know.</summary>
    private async Task<Ownership> OwnerOfAsync(string vm)
    {
        for (var attempt = 0; ; attempt++)
        {
            var owner = await GrainCall.OrLostAsync(Ownership.Lost, () => fleet.Inventory.FindAsync(vm));
            if (owner.Status != OwnershipStatus.Lost || attempt == OwnerAttempts) return owner;
            await Task.Delay(PollInterval);
        }
    }

    /// <summary>What is left of a VM on a host; nothing where the host has died.</summary>
    private async Task DestroyAsync(IVmGrain grain)
    {
        var last = await GrainCall.OrLostAsync<IReadOnlyList<ActorReport>>(
            [], () => new(grain.DestroyAsync(Message(), TeardownOrder.VmFirst).AsTask()));
        foreach (var report in last)
        {
            supervisor.Take(report);
            reports.Retire(report);
        }
    }

    /// <summary>Waits until the guest's program has run for as long as the campaign says.</summary>
    /// <returns>how long it has, in microseconds on the guest's clock: that of its slowest vCPU</returns>
    private async Task<long> ReachStartAsync(VmMove move)
    {
        while (true)
        {
            var answers = await ObserveAsync(move.From);
            var clocks = answers.Select(report => report.Counters.Vcpu?.ProgramMicroseconds ?? long.MaxValue).ToList();
            var slowest = clocks.Count == 0 ? 0 : clocks.Min();
            if (slowest >= campaign.Migrations.Start.TotalMicroseconds || _ending.Task.IsCompleted) return slowest;
            await Task.WhenAny(Task.Delay(StartInterval), _ending.Task);
        }
    }

    /// <summary>Follows a migration to its end; true when it was cancelled from here.</summary>
    private async Task<bool> WatchAsync(VmMove move, Task moving, TimeSpan? cancelAfter)
    {
        using var over = new CancellationTokenSource();
        var cancel = Task.WhenAny(_ending.Task, Task.Delay(cancelAfter ?? Timeout.InfiniteTimeSpan, over.Token));
        var wasAsked = false;
        while (!moving.IsCompleted)
        {
            var poll = Task.Delay(PollInterval, over.Token);
            var first = await (wasAsked ? Task.WhenAny(moving, poll) : Task.WhenAny(moving, poll, cancel));
            if (first == cancel)
            {
                wasAsked = true;
                await move.From.CancelMigrationAsync(Message());
            }
            else if (first == poll) await ObserveAsync(move);
        }

        await over.CancelAsync();
        return wasAsked;
    }

    private async Task ObserveAsync(VmMove move)
    {
        if (await move.From.MigrationInfoAsync() is not { } info) return;
        ledger.Observed(move, info);
        if (info.Status is MigrationStatus.PostcopyActive or MigrationStatus.PostcopyPaused or MigrationStatus.PostcopyRecover)
            fleet.Follow(move);
        if (info.Status == MigrationStatus.PostcopyPaused) await move.From.RecoverMigrationAsync(Message());
    }

    /// <summary>Reports of a VM and its vCPUs, beside the regular ones. After a failed migration the VM is at the source. Only this call
    /// would find a guest that runs at the destination nevertheless (M2).</summary>
    private async Task<IReadOnlyList<ActorReport>> ObserveAsync(IVmGrain vm)
    {
        var answers = await supervisor.InspectAsync(vm, settled: false);
        foreach (var report in answers)
        {
            reports.Update(report);
            supervisor.Take(report);
        }

        return answers;
    }

    /// <summary>As for any VM; a destination that has died has nothing to say.</summary>
    private async Task ObserveDestinationAsync(VmMove move)
    {
        try
        {
            await ObserveAsync(move.To);
        }
        catch (SiloKilledException)
        {
            // What ran there does not run any more.
        }
    }

    /// <summary>Each side has pages that the other has not: both halves go, and a new VM takes the place.</summary>
    private async Task ReplaceAsync(VmMove move)
    {
        fleet.Follow(move);
        fleet.Release(() => move.Slot.IsUp = false);
        foreach (var grain in new[] { move.From, move.To }) await DestroyAsync(grain);
        if (fleet.HasDestinationDied(move)) return;
        fleet.Release(() => move.Slot.Exists = false);
        await fleet.CreateAsync(move.Slot);
    }

    private OperationMessage Message() => OperationMessage.From(new Operation(ids.Next(), OperationKind.Migration));
}
