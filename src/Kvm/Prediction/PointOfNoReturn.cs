using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// Up to where pre-copy, throttling and post-copy carry a guest: for each speed of the guest the least bandwidth of a ladder with which
/// each of them keeps the limits, in all of a few starts.
/// </summary>
/// <param name="Bandwidths">the ladder, bytes a second, ascending; half a power of two apart</param>
/// <param name="Rows">one for each speed, ascending</param>
public sealed record PointOfNoReturn(IReadOnlyList<long> Bandwidths, IReadOnlyList<PointOfNoReturn.Row> Rows)
{
    private const int StepsBelow = 8;
    private const int StepsAbove = 4;
    private const int Starts = 4;

    private static readonly double[] _speeds = [0.25, 0.5, 1, 2, 4];

    /// <summary>Steps of the ladder; that behind the last where none of it is enough.</summary>
    /// <param name="Speed">of the guest: what it writes in a second, in recorded seconds</param>
    /// <param name="Precopy">without a throttle</param>
    /// <param name="Throttled">with auto-converge; no more than <paramref name="Precopy"/></param>
    /// <param name="Postcopy">post-copy after the first round; no more than <paramref name="Throttled"/></param>
    public sealed record Row(double Speed, int Precopy, int Throttled, int Postcopy)
    {
        /// <summary>What carries the guest at a step of the ladder.</summary>
        public Carrier At(int step) => step >= Precopy ? Carrier.Precopy
            : step >= Throttled ? Carrier.Throttled
            : step >= Postcopy ? Carrier.Postcopy
            : Carrier.Never;
    }

    /// <param name="workload">what the guest does</param>
    /// <param name="settings">of the guest; its speed is that of the row with 1</param>
    /// <param name="qemu">with the link around which the ladder stands</param>
    /// <param name="limits">to be kept</param>
    public static PointOfNoReturn Of(IForecastWorkload workload, ForecastSettings settings, QemuSettings qemu, AdviceLimits limits)
    {
        var ladder = Enumerable.Range(-StepsBelow, StepsBelow + StepsAbove + 1)
            .Select(step => Math.Clamp((long)(qemu.LinkBandwidth * Math.Pow(2, step / 2.0)), 1 << 10, ConvergenceLimits.BandwidthMax))
            .Distinct().ToList();
        var starts = ForecastsByStart.StartsOf(workload);
        starts = [.. starts.Where((_, index) => index % Math.Max(1, starts.Count / Starts) == 0)];
        // QEMU knows neither the cost of a switchover nor the headers of pages.
        var pages = (limits.DowntimeMicroseconds - settings.SwitchoverCostMicroseconds) / 1e3;
        var parameters = new MigrationParameters
        {
            MaxBandwidth = 0,
            TimeLimitMicroseconds = limits.TimeMicroseconds,
            DowntimeLimitMicroseconds = Math.Max(1, (long)(pages * settings.PageSize / WireFormat.PageBytes(settings.PageSize))) * 1_000,
        };
        var rows = _speeds.Where(speed => settings.Speed * speed is >= 0.001 and <= 1000).Select(speed =>
        {
            var precopy = Least(speed, parameters, ladder.Count);
            var throttled = Least(speed, parameters with { Throttle = ThrottleKind.AutoConverge }, precopy);
            return new Row(speed, precopy, throttled, Least(speed, parameters with { PostcopyAfterRounds = 1 }, throttled));
        });
        return new PointOfNoReturn(ladder, [.. rows]);

        // The least step below another that is enough; the other where none is.
        int Least(double speed, MigrationParameters with, int enough)
        {
            var (low, high) = (-1, enough);
            while (high - low > 1)
            {
                var middle = (low + high) / 2;
                if (IsEnough(speed, with, ladder[middle])) high = middle;
                else low = middle;
            }

            return high;
        }

        bool IsEnough(double speed, MigrationParameters with, long bandwidth) => starts.All(start => limits.IsMetBy(Forecaster.Run(
            workload, with, settings with
            {
                Speed = settings.Speed * speed,
                StartMicroseconds = start,
                Qemu = qemu with { LinkBandwidth = bandwidth, GivesUpAfterPasses = QemuSettings.PassesUntilHopeless },
            })));
    }
}

/// <summary>What gets a guest over within the limits.</summary>
public enum Carrier : byte
{
    Precopy,

    /// <summary>Pre-copy with auto-converge.</summary>
    Throttled,

    Postcopy,

    Never,
}
