using System.Net;
using Livebed.Grains.Hosting;

namespace Livebed.Grains.Tests.Hosting;

/// <summary>Which silos a driver refuses, and where a silo may say that it is.</summary>
public sealed class SiloIdentityTests
{
    private static readonly SiloIdentity _own = SiloIdentity.Own(0);

    [Fact]
    public void A_silo_of_the_same_build_is_understood() => Assert.Null(SiloIdentity.Own(12).ProblemWith(_own));

    [Fact]
    public void A_silo_of_another_protocol_model_or_order_of_bytes_is_refused()
    {
        Assert.Equal(
            $"speaks protocol 99 and this driver {SiloIdentity.ProtocolVersion}",
            (_own with { Protocol = 99 }).ProblemWith(_own));
        Assert.StartsWith("runs model abc ", (_own with { Model = "abc" }).ProblemWith(_own), StringComparison.Ordinal);
        Assert.Equal(
            "has another order of bytes than this driver", (_own with { IsLittleEndian = !_own.IsLittleEndian }).ProblemWith(_own));
    }

    [Fact]
    public void A_silo_that_listens_everywhere_has_to_say_where_it_is()
    {
        Assert.Null(new SiloNetwork().Problem);
        Assert.False(new SiloNetwork().IsPublic);
        var everywhere = new SiloNetwork { Listen = IPAddress.Any };
        Assert.True(everywhere.IsPublic);
        Assert.StartsWith("--advertise: is missing", everywhere.Problem, StringComparison.Ordinal);
        var found = everywhere with { Advertise = IPAddress.Parse("10.0.0.7") };
        Assert.Null(found.Problem);
        Assert.Equal(IPAddress.Parse("10.0.0.7"), found.PageAddress);
        Assert.StartsWith("--advertise-pages 0.0.0.0", (found with { AdvertisePages = IPAddress.Any }).Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("localhost:6379", true)]
    [InlineData("redis:6379,password=secret", true)]
    [InlineData("redis", false)]
    [InlineData("", false)]
    [InlineData("redis:6379,nonsense=1", false)]
    public void The_address_of_Redis_has_a_port(string text, bool isValid) =>
        Assert.Equal(isValid, RedisMembership.TryParse(text) is not null);

    [Theory]
    [InlineData("livebed", true)]
    [InlineData("a.b-1", true)]
    [InlineData("", false)]
    [InlineData("a/b", false)]
    public void The_id_of_a_cluster_is_a_plain_name(string name, bool isValid) => Assert.Equal(isValid, ClusterNames.IsValid(name));
}
