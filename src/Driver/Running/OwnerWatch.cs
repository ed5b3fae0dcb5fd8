using Livebed.Grains.Contracts;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.Running;

/// <summary>
/// M2 over the whole cluster: starts and stops of migrating guests come with the reports of many actors, and <see cref="OneOwnerCheck"/> wants them in the order of time, so they wait
/// until nobody can send an earlier one. The silos of a run share a machine, hence a clock. Safe from any thread.
/// </summary>
internal sealed class OwnerWatch
{
    private readonly Lock _gate = new();
    private readonly OneOwnerCheck _check = new();
    private readonly PriorityQueue<GuestRunsEntry, (long Time, long Epoch, bool Runs)> _waiting = new();

    /// <summary>Takes entries in any order.</summary>
    public void Take(IReadOnlyList<GuestRunsEntry> entries)
    {
        // Of what happens in one microsecond the older epoch comes first, and its end before the beginning of the next.
        lock (_gate)
            foreach (var entry in entries)
                _waiting.Enqueue(entry, (entry.UnixMicroseconds, entry.Epoch, entry.Runs));
    }

    /// <summary>Judges what happened before a time, of which nothing earlier is to come.</summary>
    public IReadOnlyList<Violation> Judge(long beforeUnixMicroseconds)
    {
        var violations = new List<Violation>();
        lock (_gate)
            while (_waiting.TryPeek(out var entry, out var order) && order.Time < beforeUnixMicroseconds)
            {
                _waiting.Dequeue();
                if (_check.Note(entry.Vm, entry.Host, entry.Epoch, entry.Runs) is { } violation) violations.Add(violation);
            }

        return violations;
    }
}
