namespace Livebed.Kvm.Guests;

/// <summary>What a whole trace adds up to.</summary>
/// <param name="Intervals">interval lines</param>
/// <param name="PageWrites">pages over all intervals; a page counts once in each interval that writes it</param>
/// <param name="DistinctPages">pages written at least once</param>
/// <param name="DurationMicroseconds">time of the last interval</param>
public sealed record DirtyPageTraceTotals(long Intervals, long PageWrites, long DistinctPages, long DurationMicroseconds);
