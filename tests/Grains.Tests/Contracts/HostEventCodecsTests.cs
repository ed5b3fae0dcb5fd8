using CsCheck;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace Livebed.Grains.Tests.Contracts;

public sealed class HostEventCodecsTests : IDisposable
{
    /// <summary>No serializer but the generated ones.</summary>
    private readonly ServiceProvider _services = new ServiceCollection()
        .AddSerializer(builder => builder.AddAssembly(typeof(WordsMessage).Assembly)).BuildServiceProvider();

    public void Dispose() => _services.Dispose();

    [Fact]
    public void An_event_of_every_kind_crosses_whole_and_small()
    {
        var kinds = HostEventKind.Events.ToArray();
        Assert.NotEmpty(kinds);
        Gen.Select(Gen.Int[0, kinds.Length - 1], Gen.Int[0, 9], Gen.Long[0, 1 << 20], Gen.Long[0, 1_000_000], Gen.Bool).Sample(
            (kind, mm, page, microseconds, isNested) =>
            {
                var sent = new HostEvent(kinds[kind], mm, new HvaRange(new Hva(page), 5), microseconds)
                {
                    ChildMicroseconds = microseconds / 2,
                    Inner = isNested ? new Hva(page + 2) : null,
                };
                Assert.Equal(sent, Crossed(sent));
            });
    }

    [Fact]
    public void What_an_event_came_to_crosses_whole()
    {
        foreach (var status in Enum.GetValues<HostEventStatus>())
            Assert.Equal(new HostEventResult(status, 7), Crossed(new HostEventResult(status, 7)));
    }

    private T Crossed<T>(T sent)
    {
        var serializer = _services.GetRequiredService<Serializer>();
        var bytes = serializer.SerializeToArray(sent);
        Assert.InRange(bytes.Length, 1, 64);
        return serializer.Deserialize<T>(bytes)!;
    }
}
