namespace Livebed.Kvm.Addresses;

/// <summary>Physical frame number: an index into one host's <c>FramePool</c> (the kernel's <c>kvm_pfn_t</c>).</summary>
public readonly record struct Pfn(int Value)
{
    public static readonly Pfn None = new(-1);
    public bool IsNone => Value < 0;
    public override string ToString() => $"pfn 0x{Value:x}";
}
