namespace Livebed.Kvm.World;

/// <summary>
/// SplitMix64: a small generator. Its seed fixes the sequence on every platform and version, which System.Random does not promise. <see
/// cref="Fork"/> gives independent streams, so that adding a consumer does not shift the others' numbers.
/// </summary>
public sealed class SeededRandom(ulong seed)
{
    private ulong _state = seed;

    /// <summary>Where the sequence stands: a generator with this seed gives the same numbers from here on.</summary>
    public ulong State => _state;

    public ulong NextUInt64()
    {
        _state += 0x9E3779B97F4A7C15UL;
        return Mix(_state);
    }

    /// <summary>Uniform in [0, bound); bound must be positive.</summary>
    public long Next(long bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        return (long)Math.BigMul(NextUInt64(), (ulong)bound, out _);
    }

    public int Next(int bound) => (int)Next((long)bound);

    /// <summary>Uniform in [0, 1).</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    public bool Chance(double probability) => probability > 0 && NextDouble() < probability;

    public SeededRandom Fork(ulong stream) => new(Mix(_state ^ Mix(stream + 0x632BE59BD9B4E019UL)));

    /// <summary>A stateless 64-bit mix, for decisions that must not depend on order ("is page 17 a zero page?").</summary>
    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
