namespace Livebed.Driver.CampaignFiles;

/// <summary>
/// A type of value: how it is read and written, its unit, and what is allowed, in words. <paramref name="Parse"/> returns what is wrong
/// with a text, or null. A number in quotes is text and refused unless <paramref name="Quotable"/>.
/// </summary>
internal sealed record ValueKind<T>(string Unit, string Allowed, ValueKind<T>.Parser Parse, Func<T, string> Format, bool Quotable = false)
{
    internal delegate string? Parser(string text, out T value);
}
