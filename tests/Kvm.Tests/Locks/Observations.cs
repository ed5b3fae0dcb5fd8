using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>Observations in a few words: operation n waits for operations m at one lock.</summary>
internal static class Observations
{
    public const long Second = 1_000_000;

    public static OperationId Id(int operation) => new(operation);

    public static ObservedWait Wait(
        int waiter, int[] blockers, OperationKind? kind = null, long waitId = 0, long waited = Second, string actor = "vm-1",
        string lockClass = "slots_lock", bool queued = false) =>
        new(actor, new WaitSnapshot(
            waitId == 0 ? waiter : waitId, Id(waiter), kind ?? OperationKind.Fault, lockClass, actor, LockMode.Write, waited,
            [.. blockers.Select(blocker => new WaitBlocker(Id(blocker), HostEventKind.Unmap, LockMode.Write, queued))]));

    public static HangObservation At(long time, int[] live, params ObservedWait[] waits) =>
        new(time, waits, live.Select(Id).ToHashSet(), new Dictionary<string, long> { ["vm-1"] = time });

    /// <summary>Shows the detector the same twice and returns what it says the second time.</summary>
    public static IReadOnlyList<Hang> Twice(this HangDetector detector, int[] live, params ObservedWait[] waits)
    {
        Assert.Empty(detector.Observe(At(0, live, waits)));
        return detector.Observe(At(Second, live, waits));
    }
}
