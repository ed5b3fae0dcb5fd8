using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Livebed.Kvm.Files;

namespace Livebed.Kvm.Tests.Files;

public sealed class InputJsonTests
{
    private static readonly JsonSerializerOptions _options = new()
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
    };

    [Fact]
    public void What_fits_is_read() => Assert.Equal(["a", "b"], Read("""{"Names":["a","b"],"Note":null}""").Names);

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("""{"Names":null,"Note":"n"}""")]
    [InlineData("""{"Names":["a",null],"Note":"n"}""")]
    [InlineData("""{"Names":["\ud800"],"Note":"n"}""")]
    [InlineData("""{"Names":[1],"Note":"n"}""")]
    [InlineData("""{"Names":["a"],"Note":"n"} more""")]
    public void What_does_not_fit_is_a_JSON_error(string text) => Assert.ThrowsAny<JsonException>(() => Read(text));

    private static Content Read(string text) =>
        InputJson.Read(Encoding.UTF8.GetBytes(text), (JsonTypeInfo<Content>)_options.GetTypeInfo(typeof(Content)));

    private sealed record Content(IReadOnlyList<string> Names, string? Note);
}
