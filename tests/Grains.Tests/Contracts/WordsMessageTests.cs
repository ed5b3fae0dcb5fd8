using Livebed.Grains.Contracts;
using Livebed.Kvm.Migration;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace Livebed.Grains.Tests.Contracts;

public sealed class WordsMessageTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection()
        .AddSerializer(builder => builder.AddAssembly(typeof(WordsMessage).Assembly)).BuildServiceProvider();

    private Serializer Serializer => _services.GetRequiredService<Serializer>();

    public void Dispose() => _services.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(MemoryImage.PagesMax)]
    public void Words_cross_as_they_are_in_eight_bytes_each(int count)
    {
        var words = Enumerable.Range(0, count).Select(word => ulong.MaxValue - (ulong)word).ToArray();
        var bytes = Serializer.SerializeToArray(new WordsMessage(words));
        Assert.InRange(bytes.Length, count * sizeof(ulong), (count * sizeof(ulong)) + 64);
        Assert.Equal(words, Serializer.Deserialize<WordsMessage>(bytes).ToWords());
    }

    [Fact]
    public void Within_a_silo_nothing_is_copied()
    {
        ulong[] words = [1, 2, 3];
        Assert.Same(words, _services.GetRequiredService<DeepCopier>().Copy(new WordsMessage(words)).ToWords());
    }
}
