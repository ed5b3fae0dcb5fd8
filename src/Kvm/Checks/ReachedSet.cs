using System.Collections;

namespace Livebed.Kvm.Checks;

/// <summary>A set of cases, as of one schedule: bit <see cref="ReachedCase.Index"/> for each.</summary>
public readonly record struct ReachedSet(UInt128 Bits) : IEnumerable<ReachedCase>
{
    public int Count => (int)UInt128.PopCount(Bits);

    public static ReachedSet operator |(ReachedSet left, ReachedSet right) => new(left.Bits | right.Bits);

    public bool Contains(ReachedCase one) => (Bits >> one.Index & 1) != 0;

    public IEnumerator<ReachedCase> GetEnumerator()
    {
        for (var bits = Bits; bits != 0; bits &= bits - 1) yield return ReachedCase.All[(int)UInt128.TrailingZeroCount(bits)];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
