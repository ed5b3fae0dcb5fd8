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
