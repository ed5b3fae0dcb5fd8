using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// What was seen of all actors at about one time. The parts need not be from the same instant: the detector only believes what it sees in
/// two observations, and each must have been gathered completely before the next one is begun.
/// </summary>
/// <param name="TimeMicroseconds">when it was complete</param>
/// <param name="Waits">everybody who waited at any actor</param>
/// <param name="Live">operations that have begun and not ended, by the books of whoever began them</param>
/// <param name="Progress">per actor a counter that rises while it gets work done</param>
public sealed record HangObservation(
    long TimeMicroseconds, IReadOnlyList<ObservedWait> Waits, IReadOnlySet<OperationId> Live, IReadOnlyDictionary<string, long> Progress);
