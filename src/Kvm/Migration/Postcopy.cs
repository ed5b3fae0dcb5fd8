using Livebed.Kvm.Checks;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// The source's half of post-copy: the guest runs at the destination, and the pages that it lacks are here, frozen. Pages that a vCPU waits
/// for go first, on a channel of their own (QEMU's postcopy-preempt); the rest is pushed in the background. When the link breaks nothing is
/// lost as long as both hosts live. The migration pauses until it is told that the link works again. Then it asks the destination what it
/// lacks, lets it repeat the requests of its vCPUs, and continues (<c>postcopy_pause</c>, <c>migrate-recover</c>).
/// </summary>
internal sealed class Postcopy(
    IWorld world, RamState ram, PageChannels channels, IMigrationDestination destination, MigrationSetup setup,
    MigrationParameters parameters,
    MigrationRecord record)
{
    private const long PollMicroseconds = 1_000;

    // Requests of a destination that runs before the source got its answer: one page for each waiting vCPU.
    private readonly TrackedObject<Queue<Hva>> _early = new(new Place(world), new Queue<Hva>());
    private Tracked<bool> _isRecovering = new(world);

    private ChunkHeader Header => new(setup.Stream, setup.Epoch, 0, record.Round + 1, StreamPhase.Postcopy);

    public async ValueTask RunAsync(Operation op)
    {
        record.Enter(MigrationStatus.PostcopyActive);
        while (_early.Content.TryDequeue(out var hva)) await SendWantedAsync(op, hva);
        while (!await TryPushAsync(op))
            if (!await RecoverAsync(op))
            {
                if (await IsWholeAsync(op)) break;
                record.Reason =
                    "the link broke in post-copy and did not come back: the guest is lost, each side has pages that the other has not";
                record.Enter(MigrationStatus.Failed);
                return;
            }

        record.Enter(MigrationStatus.Completed);
    }

    /// <inheritdoc cref="IMigrationReturnPath.RequestPageAsync"/>
    public async ValueTask<StreamStatus> RequestPageAsync(Operation op, Hva hva)
    {
        record.PostcopyRequests++;
        if (record.Status == MigrationStatus.PostcopyActive) return await SendWantedAsync(op, hva);
        if (record.Status != MigrationStatus.Device) return StreamStatus.Lost;
        world.Reached(ReachedCase.PageAskedEarly);
        _early.Content.Enqueue(hva);
        return StreamStatus.Ok;
    }

    public bool Recover() => _isRecovering.Value = record.Status == MigrationStatus.PostcopyPaused;

    private async ValueTask<StreamStatus> SendWantedAsync(Operation op, Hva hva)
    {
        if (ram.BlockOf(hva) is not { } block) return StreamStatus.Refused;

        // The page was sent already, or is in flight.
        if (!block.Dirty.Remove(hva))
        {
            world.Reached(ReachedCase.PageAskedOnItsWay);
            return StreamStatus.Ok;
        }

        var status = await channels.SendUrgentAsync(op, Header, PageSet.All(new HvaRange(hva, 1)));
        if (status != StreamStatus.Ok) block.Dirty.Add(hva);
        return status;
    }

    /// <summary>Pushes all remaining pages, then asks whether the destination lacks any. It asks after the requested pages have been stored
    /// too, or the destination would lack those.</summary>
    private async ValueTask<bool> TryPushAsync(Operation op)
    {
        foreach (var block in ram.Blocks)
            for (var page = 0L; channels.Status == StreamStatus.Ok;)
            {
                if (block.Dirty.TakeNext(ref page, parameters.BatchPages) is not { } batch) break;
                await channels.SendAsync(op, Header, batch);
            }

        if (await channels.DrainAsync(op) != StreamStatus.Ok) return false;
        var finish = await FinishAsync(op);
        if (finish.MissingPages > 0)
            world.Observer.Violated(new Violation(
                Invariants.MigrationProgress,
                $"post-copy of {setup.Vm} pauses although its link is whole: every page was sent, and the destination lacks "
                    + $"{finish.MissingPages}",
                setup.Vm, Operations: [op.Id]));
        return finish.Status == StreamStatus.Ok;
    }

    private async ValueTask<FinishResult> FinishAsync(Operation op)
    {
        var finish = await destination.FinishAsync(op);
        record.Blocktime = finish.Blocktime;
        return finish;
    }

    /// <summary>Asks once more before a guest counts as lost: perhaps only the destination's last answer was lost.</summary>
    private async ValueTask<bool> IsWholeAsync(Operation op)
    {
        record.Enter(MigrationStatus.PostcopyRecover);
        if ((await FinishAsync(op)).Status != StreamStatus.Ok) return false;
        record.Enter(MigrationStatus.PostcopyActive);
        return true;
    }

    private async ValueTask<bool> RecoverAsync(Operation op)
    {
        for (; ; )
        {
            record.PostcopyPauses++;
            world.Reached(ReachedCase.LinkBrokeInPostcopy);
            record.Enter(MigrationStatus.PostcopyPaused);
            var since = world.NowMicroseconds;
            while (!_isRecovering.Value)
            {
                if (parameters.RecoveryLimitMicroseconds > 0 && world.NowMicroseconds - since > parameters.RecoveryLimitMicroseconds)
                    return false;
                await world.DelayAsync(PollMicroseconds);
            }

            _isRecovering.Value = false;
            record.Enter(MigrationStatus.PostcopyRecover);
            if (await destination.RecoverAsync(op) is not { } missing) continue;
            foreach (var block in ram.Blocks) block.Dirty.Clear();
            foreach (var pages in missing)
                foreach (var block in ram.Blocks) block.Dirty.UnionWith(pages);
            channels.Recover();
            world.Reached(ReachedCase.LinkRecovered);
            record.Enter(MigrationStatus.PostcopyActive);

            // If the link has broken again, the push finds that out.
            await destination.ResumeAsync(op);
            return true;
        }
    }
}
