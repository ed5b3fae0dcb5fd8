namespace Livebed.Kvm.Addresses;

/// <summary>Guest frames <c>[Start, Start + Pages)</c>.</summary>
public readonly record struct GfnRange(Gfn Start, long Pages)
{
    public Gfn End => Start + Pages;
    public bool IsEmpty => Pages <= 0;
    public bool Contains(Gfn gfn) => gfn >= Start && gfn < End;
    public bool Overlaps(GfnRange other) => Start < other.End && other.Start < End;
    public override string ToString() => $"gfn [0x{Start.Value:x}, 0x{End.Value:x})";
}
