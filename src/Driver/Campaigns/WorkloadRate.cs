using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Campaigns;

/// <summary>
/// How many distinct pages a guest of a campaign writes in a second, seen over a window: before a migration has measured anything this is
/// what is known. Simplified: a window may begin anywhere in a recording, so of a recording it is the mean over all windows; hot-plug
/// memory, KVM's own writes and discards are left out.
/// </summary>
internal sealed class WorkloadRate
{
    private readonly DirtyTimeline? _timeline;
    private readonly double _speed;
    private readonly WorkingSet _writes;

    private WorkloadRate(DirtyTimeline? timeline, double speed, WorkingSet writes) =>
        (_timeline, _speed, _writes) = (timeline, speed, writes);

    /// <exception cref="Kvm.Guests.TraceFormatException">The trace cannot be read any more.</exception>
    public static WorkloadRate Of(VmSettings settings)
    {
        var guest = settings.Guest;
        if (guest.ReplaysTrace) return new WorkloadRate(DirtyTimeline.Load(guest.TracePath), guest.Speed, default);

        return new WorkloadRate(null, 1, WritesOf(settings));
    }

    /// <summary>What a synthetic guest writes: one page after the other is a page never written before, until all are; at random more and
    /// more are met again.</summary>
    public static WorkingSet WritesOf(VmSettings settings)
    {
        var guest = settings.Guest;

        // As fast as possible is as good as all of the memory in any window.
        var perSecond = guest.Rate == 0 ? ConvergenceLimits.BandwidthMax : (double)guest.Rate * settings.Vcpus * guest.WritePercent / 100;
        var isInTurn = guest is { Order: AccessOrder.Sequential, Access: AccessLayout.Partitioned, Stride: 1 };
        return new WorkingSet(perSecond, isInTurn ? double.PositiveInfinity : settings.RamPages);
    }

    /// <param name="windowSeconds">as the guest's clock goes; more than 0</param>
    public double PagesPerSecond(double windowSeconds)
    {
        if (windowSeconds <= 0) return 0;
        return (_timeline?.MeanDistinctPages(windowSeconds * _speed * 1e6) ?? _writes.Written(windowSeconds)) / windowSeconds;
    }
}
