using Livebed.Driver.Results;
using Livebed.Driver.Terminal;
using Livebed.Grains.Contracts;
using Livebed.Grains.Hosting;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>
/// The end of a run that found nothing so far, when nothing is under way any more. It verifies and audits each VM once more, checks that no
/// range has lost its end, tears everything down, and counts what is left, which must be nothing.
/// </summary>
internal sealed class Settlement(
    Fleet fleet, ReportLedger reports, LoadLedger load, Supervisor supervisor, OperationIds ids, ICluster cluster, RunClock clock)
{
    private static readonly TimeSpan StepPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LeavePatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LeaveInterval = TimeSpan.FromMilliseconds(50);

    public async Task<LeakResult> FinishAsync(bool drained, IRunProgress progress)
    {
        progress.Phase("verifying");
        await StepAsync("verification", VerifyAsync, progress);
        if (supervisor.MustStop) return new LeakResult();
        if (drained) await supervisor.SettleAsync();
        else await supervisor.ObserveAsync(ofAll: true);
        if (supervisor.MustStop) return new LeakResult();

        progress.Phase("tearing down");
        await StepAsync("teardown", DestroyAsync, progress);
        await supervisor.ObserveAsync();

        // What an operation that has not ended still uses is not left behind.
        return supervisor.MustStop || !drained ? new LeakResult() : await CountLeaksAsync();
    }

    private async Task VerifyAsync(VmSlot slot)
    {
        if (slot.DirtyLogEnabled && slot.Settings.DirtyLog != DirtyLogMode.None)
            await slot.Grain.DirtyLogAsync(
                OperationMessage.From(new Operation(ids.Next(), OperationKind.DirtyLogVerify)), DirtyLogStep.Verify);
        var pagesLeft = slot.Settings.RamPages + slot.Settings.HotplugPages;
        while (pagesLeft > 0)
        {
            var audited = await slot.Grain.AuditAsync(OperationMessage.From(new Operation(ids.Next(), OperationKind.Audit)));
            if (audited == 0) return;
            pagesLeft -= audited;
        }
    }

    private async Task DestroyAsync(VmSlot slot)
    {
        fleet.Release(() => slot.IsUp = false);
        var op = new Operation(ids.Next(), OperationKind.VmDestroy);
        foreach (var report in await slot.Grain.DestroyAsync(OperationMessage.From(op), TeardownOrder.VmFirst))
        {
            supervisor.Take(report);
            reports.Retire(report);
        }

        fleet.Release(() => slot.Exists = false);
    }

    /// <summary>Does something with every VM under supervision: if it hangs, the hang is found while it does. There is patience as long as
    /// one VM after the other is done.</summary>
    private async Task StepAsync(string what, Func<VmSlot, Task> step, IRunProgress progress)
    {
        var (vms, done) = (fleet.Existing(), 0);
        var running = ManyVms.EachAsync(vms, step, count =>
        {
            Volatile.Write(ref done, count);
            progress.Step(count, vms.Count);
        });
        using var over = new CancellationTokenSource();
        var patience = new Patience(clock, StepPatience);
        async Task EndAsync()
        {
            for (var before = -1; !running.IsCompleted && before < Volatile.Read(ref done);)
            {
                (before, patience) = (Volatile.Read(ref done), new Patience(clock, StepPatience));
                await Task.WhenAny(running, patience.OverAsync(over.Token));
            }

            await over.CancelAsync();
        }

        var ended = EndAsync();
        await supervisor.WatchAsync(() => { }, over.Token);
        await over.CancelAsync();
        await ended;
        if (running.IsCompleted)
        {
            try
            {
                await running;
            }
            catch (Exception failure)
            {
                // A call that a silo's death cancelled cancels the step, which then has no exception of its own and has not been done
                // either.
                foreach (var one in running.Exception?.InnerExceptions ?? [failure]) load.Broken(OperationKind.VmDestroy, one);
            }
        }
        else if (!supervisor.MustStop)
            load.Broken(OperationKind.VmDestroy, new TimeoutException($"{what} did not end {patience}"));
    }

    /// <summary>Deactivation takes a moment after the call that asked for it, so activations are counted until they are gone or patience
    /// is.</summary>
    private async Task<LeakResult> CountLeaksAsync()
    {
        var usage = reports.Counters().Usage ?? default;
        var leaks = new LeakResult
        {
            Frames = usage.Frames + usage.SwapSlots,
            Subscriptions = usage.Subscriptions + usage.AddressSpaces + usage.MmStructs,
            Locks = usage.FolioLocks + usage.OpenRanges,
        };
        var patience = new Patience(clock, LeavePatience);
        while (true)
        {
            var activations = await SiloInspector.CountActivationsAsync(cluster);
            if (activations == 0) return leaks;
            if (activations is { } left && patience.HasRun) return leaks with { Activations = left };
            if (patience.IsOver)
            {
                load.Broken(OperationKind.VmDestroy, new TimeoutException($"not every silo said {patience} that all activations are gone"));
                return leaks;
            }

            await Task.Delay(LeaveInterval, clock.Time);
        }
    }
}
