namespace Livebed.Kvm.Addresses;

/// <summary>Host virtual address in pages (the kernel's <c>hva >> PAGE_SHIFT</c>); the model never addresses within a page.</summary>
public readonly record struct Hva(long Value) : IComparable<Hva>
{
    public int CompareTo(Hva other) => Value.CompareTo(other.Value);
    public static Hva operator +(Hva hva, long pages) => new(hva.Value + pages);
    public static long operator -(Hva left, Hva right) => left.Value - right.Value;
    public static bool operator <(Hva left, Hva right) => left.Value < right.Value;
    public static bool operator >(Hva left, Hva right) => left.Value > right.Value;
    public static bool operator <=(Hva left, Hva right) => left.Value <= right.Value;
    public static bool operator >=(Hva left, Hva right) => left.Value >= right.Value;
    public override string ToString() => $"hva 0x{Value:x}";
}

/// <summary>Host virtual pages <c>[Start, Start + Pages)</c>.</summary>
public readonly record struct HvaRange(Hva Start, long Pages)
{
    public Hva End => Start + Pages;
    public bool IsEmpty => Pages <= 0;
    public bool Contains(Hva hva) => hva >= Start && hva < End;
    public bool Covers(HvaRange other) => Start <= other.Start && other.End <= End;
    public bool Overlaps(HvaRange other) => Start < other.End && other.Start < End;

    /// <summary>The common part; empty (Pages &lt;= 0) when the two do not overlap.</summary>
    public HvaRange Intersect(HvaRange other)
    {
        var start = Start > other.Start ? Start : other.Start;
        var end = End < other.End ? End : other.End;
        return new HvaRange(start, end - start);
    }

    public override string ToString() => $"hva [0x{Start.Value:x}, 0x{End.Value:x})";
}
