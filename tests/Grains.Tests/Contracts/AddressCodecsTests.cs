using CsCheck;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace Livebed.Grains.Tests.Contracts;

public sealed class AddressCodecsTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection()
        .AddSerializer(builder => builder.AddAssembly(typeof(WordsMessage).Assembly)).BuildServiceProvider();

    private Serializer Serializer => _services.GetRequiredService<Serializer>();

    public void Dispose() => _services.Dispose();

    [Fact]
    public void A_set_of_pages_crosses_with_its_range_at_a_bit_a_page() =>
        Gen.Select(Gen.Long[0, 1000], Gen.Int[0, 300], Gen.Int[0, 299].HashSet[0, 100]).Sample((first, length, pages) =>
        {
            var set = new PageSet(new HvaRange(new Hva(first), length));
            foreach (var page in pages)
                if (page < length) set.Add(page);
            var bytes = Serializer.SerializeToArray(set);
            Assert.InRange(bytes.Length, set.Words.Length * sizeof(ulong), (set.Words.Length * sizeof(ulong)) + 64);
            var there = Serializer.Deserialize<PageSet>(bytes)!;
            Assert.Equal(set.Range, there.Range);
            Assert.Equal(set.AsEnumerable(), there);
        });

    [Fact]
    public void Within_a_silo_the_words_of_a_set_are_not_copied()
    {
        var words = new ulong[] { 5 };
        var copy = _services.GetRequiredService<DeepCopier>().Copy(PageSet.FromWords(new HvaRange(new Hva(9), 3), words))!;
        Assert.Equal([new Hva(9), new Hva(11)], copy);
        words[0] = 0;
        Assert.Equal(0UL, copy.Words.Span[0]);
    }
}
