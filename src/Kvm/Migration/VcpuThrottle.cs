namespace Livebed.Kvm.Migration;

/// <summary>How a vCPU is slowed down so that a migration converges; <see cref="None"/> lets it run.</summary>
/// <param name="Percentage">QEMU's <c>cpu-throttle-percentage</c>: share of time that the vCPU sleeps, 0 to 99</param>
/// <param name="DirtyPagesPerSecond">QEMU's <c>vcpu-dirty-limit</c> in pages: no more pages than this become dirty in a second by this vCPU; 0 for no limit</param>
public readonly record struct VcpuThrottle(int Percentage, long DirtyPagesPerSecond)
{
    public const int PercentageMax = 99;

    public static readonly VcpuThrottle None;
}
