namespace Livebed.Kvm.Migration;

/// <summary>
/// How long the guest stood still in post-copy because pages were missing (<c>fill_destination_postcopy_migration_info</c>, migration/postcopy-ram.c), in microseconds. A wait counts from the moment
/// when the fault goes to sleep until its page was placed; while the link is broken it goes on.
/// </summary>
/// <param name="AllMicroseconds"><c>postcopy-blocktime</c>: while every vCPU waited</param>
/// <param name="VcpuMicroseconds"><c>postcopy-vcpu-blocktime</c>: of each vCPU; empty without post-copy</param>
public sealed record PostcopyBlocktime(long AllMicroseconds, IReadOnlyList<long> VcpuMicroseconds)
{
    public static readonly PostcopyBlocktime None = new(0, []);
}
