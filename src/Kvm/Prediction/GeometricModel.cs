namespace Livebed.Kvm.Prediction;

/// <summary>
/// Pre-copy in closed form: a constant rate of distinct dirty bytes, a constant bandwidth, and every write of a round is sent in the next.
/// Round n sends V r^n bytes with r = rate / bandwidth. Below 1 that goes to 0; from 1 on no number of rounds helps.
/// </summary>
/// <param name="MemoryBytes">V: what round 0 sends</param>
/// <param name="DirtyBytesPerSecond">distinct bytes, as they cost on the wire</param>
/// <param name="BytesPerSecond">bandwidth</param>
/// <param name="DowntimeSeconds">the downtime limit</param>
public readonly record struct GeometricModel(double MemoryBytes, double DirtyBytesPerSecond, double BytesPerSecond, double DowntimeSeconds)
{
    /// <summary>r.</summary>
    public double Ratio => DirtyBytesPerSecond / BytesPerSecond;

    public double ThresholdBytes => BytesPerSecond * DowntimeSeconds;

    /// <summary>Rounds before the switchover, at least 1; null if it never comes.</summary>
    public int? Rounds
    {
        get
        {
            // No more than all of the memory can be dirty.
            if (MemoryBytes * Math.Min(Ratio, 1) <= ThresholdBytes) return 1;
            if (Ratio >= 1 || ThresholdBytes <= 0) return null;
            // The smallest N with V r^N <= threshold; what rounding may have added is taken back.
            var rounds = (int)Math.Ceiling(Math.Log(ThresholdBytes / MemoryBytes) / Math.Log(Ratio));
            return RemainingBytes(rounds - 1) <= ThresholdBytes ? rounds - 1 : rounds;
        }
    }

    /// <summary>Rounds, switchover and all: V (1 - r^(N+1)) / (1 - r); null if it never ends.</summary>
    public double? TotalBytes
    {
        get
        {
            if (Rounds is not { } rounds) return null;
            if (rounds == 1) return MemoryBytes + RemainingBytes(1);
            return MemoryBytes * (1 - Math.Pow(Ratio, rounds + 1)) / (1 - Ratio);
        }
    }

    public double? TotalSeconds => TotalBytes / BytesPerSecond;

    public double? Downtime => Rounds is { } rounds ? RemainingBytes(rounds) / BytesPerSecond : null;

    /// <summary>What is left after so many rounds, which is what the next one sends.</summary>
    public double RemainingBytes(int rounds) => MemoryBytes * Math.Pow(Math.Min(Ratio, 1), rounds);
}
