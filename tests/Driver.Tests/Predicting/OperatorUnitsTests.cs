using Livebed.Driver.Predicting;

namespace Livebed.Driver.Tests.Predicting;

/// <summary>Units of virsh, libvirt's XML, KubeVirt and links: accepted, or refused by name.</summary>
public sealed class OperatorUnitsTests
{
    [Theory]
    [InlineData("10Gbit/s", 1_250_000_000)]
    [InlineData("10Gbps", 1_250_000_000)]
    [InlineData("2.5Gbit/s", 312_500_000)]
    [InlineData("64Mi", 64 << 20)]
    [InlineData("64Mi/s", 64 << 20)]
    [InlineData("64MiB/s", 64 << 20)]
    [InlineData("900MB/s", 900_000_000)]
    [InlineData("125kB/s", 125_000)]
    [InlineData("0", 0)]
    public void A_rate_is_bytes_a_second(string text, long bytes)
    {
        Assert.Null(OperatorUnits.Rate(1 << 10, 1L << 40, "no cap").Parse(text, out var value));
        Assert.Equal(bytes, value);
    }

    [Theory]
    [InlineData("1000", "'1000' has no unit, and virsh means MiB/s, QMP bytes/s")]
    [InlineData("64M", "'64M' is a power of 1024 to libvirt and of 1000 to KubeVirt")]
    [InlineData("64M/s", "'64M/s' is a power of 1024 to libvirt and of 1000 to KubeVirt")]
    [InlineData("10Gb/s", "'10Gb/s' is bits to some and bytes to others")]
    [InlineData("64MiB", "'64MiB' is not a rate")]
    [InlineData("64MB", "'64MB' is not a rate")]
    [InlineData("1bit/s", "1bit/s is no whole number of bytes")]
    [InlineData("-1Gbit/s", "-1Gbit/s is out of range")]
    [InlineData("Gbit/s", "'Gbit/s' is not a rate")]
    public void What_is_read_in_two_ways_is_refused_by_name(string text, string problem) =>
        Assert.Equal(problem, OperatorUnits.Rate(1 << 10, 1L << 40).Parse(text, out _));

    [Theory]
    [InlineData("4Gi", 4L << 30, null)]
    [InlineData("4GiB", 4L << 30, null)]
    [InlineData("4GB", 4_000_000_000, null)]
    [InlineData("4194304", 0, "'4194304' has no unit, and libvirt means KiB, QEMU's -m MiB")]
    [InlineData("4G", 0, "'4G' is a power of 1024 to libvirt and of 1000 to KubeVirt")]
    public void A_size_is_bytes(string text, long bytes, string? problem)
    {
        Assert.Equal(problem, OperatorUnits.Size(1, 1L << 40).Parse(text, out var value));
        Assert.Equal(bytes, value);
    }

    [Theory]
    [InlineData("150s/GiB", 600_000_000)]
    [InlineData("20m", 1_200_000_000)]
    [InlineData("0", 0)]
    [InlineData("0/GiB", 0)]
    public void A_time_limit_may_be_one_for_each_gib(string text, long microseconds)
    {
        Assert.Null(OperatorUnits.TimeLimit(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(7)).Parse(text, out var limit));
        Assert.Equal(microseconds, limit.MicrosecondsOf(4L << 30));
    }
}
