/** Stands for an icon or a style. */
module.exports = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>';
