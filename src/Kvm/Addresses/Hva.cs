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
