using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// The forecast of one round from what is known at the sync that begins it: the analytic model, one step far. A migration that runs makes
/// one for each of its rounds and prints it beside what the round then was.
/// </summary>
/// <param name="PageSize">bytes</param>
/// <param name="MemoryPages">pages of the guest's RAM: no more can be dirty</param>
/// <param name="BytesPerSecond">bandwidth of the link</param>
/// <param name="DowntimeLimitMicroseconds">the downtime limit</param>
/// <param name="SwitchoverCostMicroseconds">see <see cref="ForecastSettings"/></param>
public readonly record struct RoundPredictor(
    int PageSize, long MemoryPages, double BytesPerSecond, long DowntimeLimitMicroseconds, long SwitchoverCostMicroseconds = 0)
{
    /// <param name="round">its number; 0 sends every page</param>
    /// <param name="pages">pages to send, zero pages among them</param>
    /// <param name="dirtyPagesPerSecond">measured over the round before, or from the workload's forecast for round 0</param>
    /// <param name="zeroPages">zero pages to send, as far as that is known</param>
    public Round Predict(int round, long pages, double dirtyPagesPerSecond, long zeroPages = 0)
    {
        var bytes = zeroPages * WireFormat.ZeroPageBytes + (pages - zeroPages) * WireFormat.PageBytes(PageSize);
        var seconds = bytes / BytesPerSecond;
        var dirtied = (long)Math.Round(Math.Min(dirtyPagesPerSecond * seconds, MemoryPages));
        var remaining = dirtied * WireFormat.PageBytes(PageSize);
        return new Round(
            round, pages, zeroPages, bytes, Microseconds(seconds), dirtied, remaining,
            Microseconds(remaining / BytesPerSecond + SwitchoverCostMicroseconds / 1e6))
        {
            DirtyPagesPerSecond = Math.Round(dirtyPagesPerSecond, 1),
        };
    }

    private static long Microseconds(double seconds) => (long)Math.Round(seconds * 1e6);

    /// <summary>Rounds until the switchover if the rate stays as it is, the one that begins now included; null when it diverges.</summary>
    public int? RoundsLeft(long pages, double dirtyPagesPerSecond) => Model(pages, dirtyPagesPerSecond).Rounds;

    private GeometricModel Model(long pages, double dirtyPagesPerSecond)
    {
        var page = WireFormat.PageBytes(PageSize);
        return new GeometricModel(pages * page, dirtyPagesPerSecond * page, BytesPerSecond, DowntimeLimitMicroseconds / 1e6);
    }
}
