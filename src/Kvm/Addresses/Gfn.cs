namespace Livebed.Kvm.Addresses;

/// <summary>Guest frame number: a guest-physical address in pages (the kernel's <c>gfn_t</c>).</summary>
public readonly record struct Gfn(long Value) : IComparable<Gfn>
{
    public int CompareTo(Gfn other) => Value.CompareTo(other.Value);
    public static Gfn operator +(Gfn gfn, long pages) => new(gfn.Value + pages);
    public static long operator -(Gfn left, Gfn right) => left.Value - right.Value;
    public static bool operator <(Gfn left, Gfn right) => left.Value < right.Value;
    public static bool operator >(Gfn left, Gfn right) => left.Value > right.Value;
    public static bool operator <=(Gfn left, Gfn right) => left.Value <= right.Value;
    public static bool operator >=(Gfn left, Gfn right) => left.Value >= right.Value;
    public override string ToString() => $"gfn 0x{Value:x}";
}

/// <summary>Guest frames <c>[Start, Start + Pages)</c>.</summary>
public readonly record struct GfnRange(Gfn Start, long Pages)
{
    public Gfn End => Start + Pages;
    public bool IsEmpty => Pages <= 0;
    public bool Contains(Gfn gfn) => gfn >= Start && gfn < End;
    public bool Overlaps(GfnRange other) => Start < other.End && other.Start < End;
    public override string ToString() => $"gfn [0x{Start.Value:x}, 0x{End.Value:x})";
}
