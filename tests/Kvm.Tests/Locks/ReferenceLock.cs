using Livebed.Kvm.Locks;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>A reader/writer lock as plain as can be: two lists, searched from the start each time. What it says is right by reading
/// it.</summary>
internal sealed class ReferenceLock(bool fair)
{
    public List<(int Op, LockMode Mode, long Since)> Holders { get; } = [];
    public List<(int Op, LockMode Mode, long Since)> Queue { get; } = [];
    public List<int> GrantOrder { get; } = [];
    public Dictionary<LockMode, LockStatistics> Statistics { get; } = new() { [LockMode.Read] = new(), [LockMode.Write] = new() };

    public void Request(int op, LockMode mode, long now)
    {
        Queue.Add((op, mode, now));
        Settle(now, newcomer: op);
    }

    public void Release(int op, long now)
    {
        var holder = Holders.Single(h => h.Op == op);
        Holders.Remove(holder);
        Statistics[holder.Mode].AddHold(now - holder.Since);
        Settle(now, newcomer: -1);
    }

    private void Settle(long now, int newcomer)
    {
        while (true)
        {
            var next = Queue.FindIndex(waiter => Compatible(waiter.Mode));
            if (next < 0 || (fair && next > 0)) return;
            var granted = Queue[next];
            Queue.RemoveAt(next);
            Holders.Add((granted.Op, granted.Mode, now));
            GrantOrder.Add(granted.Op);
            Statistics[granted.Mode].Acquisitions++;
            if (granted.Op != newcomer) Statistics[granted.Mode].AddWait(now - granted.Since);
        }
    }

    private bool Compatible(LockMode mode) =>
        Holders.Count == 0 || (mode == LockMode.Read && Holders.TrueForAll(h => h.Mode == LockMode.Read));
}
